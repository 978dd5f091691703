namespace DotNettyFraming.LoadClient.Sending;

/// <summary>What came of a connection's turn.</summary>
internal enum WriteOutcome
{
    /// <summary>The kernel has taken the whole write; nothing is under way.</summary>
    Taken,

    /// <summary>The turn is over in the middle of a write in pieces; the next turn goes on with it.</summary>
    Unfinished,

    /// <summary>The kernel has no room: the connection says <see cref="IPacing.Ready"/> when it has.</summary>
    Stuck,

    /// <summary>There was nothing to write: the share is sent, or the connection has failed or ended.</summary>
    Nothing,
}
