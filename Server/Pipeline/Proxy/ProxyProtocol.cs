namespace DotNettyFraming.Server.Pipeline.Proxy;

/// <summary>The choices of <c>--proxy-protocol</c>.</summary>
/// <remarks>There is no "optional": any client could claim any address.</remarks>
internal enum ProxyProtocol
{
    /// <summary>Connections start without a PROXY header.</summary>
    Off,

    /// <summary>Each connection starts with one, version 1 or 2, from a trusted network.</summary>
    Required,
}
