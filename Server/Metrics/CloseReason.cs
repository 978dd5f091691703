namespace DotNettyFraming.Server.Metrics;

/// <summary>The reasons for which connections end. The first one wins, and names log line, counter and test alike.</summary>
internal enum CloseReason
{
    /// <summary>The peer closed.</summary>
    PeerClosed,

    /// <summary>The peer reset the connection, or the network failed.</summary>
    PeerReset,

    /// <summary>A byte of a header was not the one that the layout requires.</summary>
    InvalidPrefix,

    /// <summary>A header announced a payload above <c>--max-payload</c>.</summary>
    PayloadTooLarge,

    /// <summary>A header announced a length that is negative after its adjustment.</summary>
    InvalidLength,

    /// <summary>No byte arrived for <c>--idle-timeout</c>.</summary>
    IdleTimeout,

    /// <summary>A packet stayed unfinished for <c>--packet-timeout</c>.</summary>
    PacketTimeout,

    /// <summary>The peer did not read what was sent for <c>--write-timeout</c>.</summary>
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

    /// <summary>The PROXY header was not complete in time.</summary>
    ProxyHeaderTimeout,

    /// <summary>A PROXY header is required, and the sender is not among <c>--proxy-trusted</c>.</summary>
    ProxyUntrusted,

    /// <summary>The connection was older than <c>--max-connection-age</c>.</summary>
    MaxAge,

    /// <summary>The processor failed on one of its batches.</summary>
    ProcessingFailed,

    /// <summary>The store failed for good; nothing is acknowledged any more.</summary>
    StoreFailed,

    /// <summary>The server stopped.</summary>
    ServerStopping,

    /// <summary>An error of the server itself, described in the log.</summary>
    InternalError,
}
