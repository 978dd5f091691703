namespace DotNettyFraming.LoadClient.Sending;

/// <summary>How a connection that was made came to its end; the first reason wins.</summary>
internal enum ConnectionEnd
{
    /// <summary>We were done: every byte handed over was taken, and then we closed.</summary>
    Completed,

    /// <summary>We were done, but the server did not take the last write within the flush deadline.</summary>
    FlushTimedOut,

    /// <summary>We were done and had sent our FIN, but the server did not close in turn within the close deadline.</summary>
    CloseTimedOut,

    /// <summary>The server closed it (FIN) before we were done.</summary>
    ClosedByServer,

    /// <summary>The server reset it (RST); also after our own FIN, for then it has thrown away what we sent.</summary>
    ResetByServer,

    /// <summary>An error on our side or on the way: the network went away, a bug.</summary>
    Failed,
}
