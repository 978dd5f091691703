namespace DotNettyFraming.Server.Metrics;

/// <summary>The facts about a running server that are no counters. Any thread.</summary>
internal interface IServerProbe
{
    /// <summary>The transport in use: <c>epoll</c>, <c>sockets</c>.</summary>
    string TransportName { get; }

    /// <summary><c>--max-connections</c>.</summary>
    int MaxConnections { get; }

    /// <summary><c>--max-buffered</c>, bytes.</summary>
    long MaxBufferedBytes { get; }

    /// <summary>Whether packets have a time (<c>--header</c>).</summary>
    bool HasPacketTime { get; }

    /// <summary>The event loops: first those that serve, numbered, then the one that accepts.</summary>
    IReadOnlyList<EventLoopProbe> EventLoops { get; }

    /// <summary>Failures of accept(2) by the errno's name; null if the transport does not count them (DotNetty's sockets).</summary>
    IReadOnlyDictionary<string, long>? AcceptErrors { get; }

    /// <summary>Surveys the connections of all loops. It visits every connection, so call it at most once per second.</summary>
    /// <param name="most">The number of connections of each kind.</param>
    /// <returns>Null if the loops have ended or do not answer.</returns>
    Task<PeerSurvey?> SurveyAsync(int most);
}

/// <summary>One event loop as seen from outside.</summary>
/// <param name="Label">Its number, or <c>accept</c>.</param>
/// <param name="Load">Its load; null for DotNetty's own loops, which do not publish it.</param>
internal sealed record EventLoopProbe(string Label, IEventLoopLoad? Load);

/// <summary>The load of an event loop. Any thread; reading it costs the loop nothing.</summary>
internal interface IEventLoopLoad
{
    /// <summary>CPU time of its thread; the growth is the loop's busy share.</summary>
    TimeSpan CpuTime { get; }

    /// <summary>Waiting tasks.</summary>
    int QueueLength { get; }
}
