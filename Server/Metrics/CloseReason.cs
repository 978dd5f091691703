namespace DotNettyFraming.Server.Metrics;

/// <summary>
/// Every way that a connection ends. The first reason wins; it is what the log line, the counter's name
/// (<c>connections.closed.InvalidPrefix</c>) and the test's assertion all say.
/// </summary>
internal enum CloseReason
{
    /// <summary>The peer closed, as peers should.</summary>
    PeerClosed,

    /// <summary>The peer's connection was reset, or the network failed.</summary>
    PeerReset,

    /// <summary>A byte other than <c>&amp;</c> stood where a packet must start.</summary>
    InvalidPrefix,

    /// <summary>A header announced a payload above <c>--max-payload</c>.</summary>
    PayloadTooLarge,

    /// <summary>No byte came for <c>--idle-timeout</c>.</summary>
    IdleTimeout,

    /// <summary>A started packet was not complete within <c>--packet-timeout</c>.</summary>
    PacketTimeout,

    /// <summary>The peer did not take what was written to it.</summary>
    WriteTimeout,

    /// <summary>Its unfinished packet was among the longest held when <c>--max-buffered</c> was reached.</summary>
    BufferBudget,

    /// <summary>Refused: <c>--max-connections</c> were open.</summary>
    TooManyConnections,

    /// <summary>Refused: <c>--max-connections-per-ip</c> were open from its address.</summary>
    TooManyFromAddress,

    /// <summary>The TLS handshake failed.</summary>
    TlsFailed,

    /// <summary>The TLS handshake took longer than <c>--tls-handshake-timeout</c>.</summary>
    TlsTimeout,

    /// <summary>The PROXY header was missing or malformed.</summary>
    ProxyHeaderInvalid,

    /// <summary>The PROXY header did not come in time.</summary>
    ProxyHeaderTimeout,

    /// <summary>A PROXY header is required, and the sender is not among <c>--proxy-trusted</c>.</summary>
    ProxyUntrusted,

    /// <summary>The processor failed on one of its batches.</summary>
    ProcessingFailed,

    /// <summary>The server stops.</summary>
    ServerStopping,

    /// <summary>An error of our own, which the log describes.</summary>
    InternalError,
}
