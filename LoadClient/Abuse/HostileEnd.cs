namespace DotNettyFraming.LoadClient.Abuse;

/// <summary>How a hostile connection came to its end; the first reason wins, and every attempt has exactly one.</summary>
internal enum HostileEnd
{
    /// <summary>The server closed it (FIN).</summary>
    ClosedByServer,

    /// <summary>The server reset it (RST): also what a close is that leaves input unread.</summary>
    ResetByServer,

    /// <summary>It could not be made.</summary>
    Refused,

    /// <summary>The peer closed or reset it, as its kind does.</summary>
    EndedItself,

    /// <summary>It was open when its deadline came, and we closed it: the server has not defended itself.</summary>
    StillOpen,

    /// <summary>The run was stopped before the connection's end, or while it was being made. It says nothing about the server.</summary>
    Interrupted,

    /// <summary>An error on our side or on the way: the network went away, TLS failed, a bug.</summary>
    Failed,
}
