namespace DotNettyFraming.Server.Pipeline.Proxy;

/// <summary>Whether connections begin with a PROXY header, as <c>--proxy-protocol</c> says it.</summary>
/// <remarks>There is no "optional": a server that guesses lets anybody claim any address.</remarks>
internal enum ProxyProtocol
{
    /// <summary>None does.</summary>
    Off,

    /// <summary>Each does, version 1 or 2, and comes from a trusted network.</summary>
    Required,
}
