namespace DotNettyFraming.Server.Metrics;

/// <summary>What a running server tells about itself beside its counters. Any thread.</summary>
internal interface IServerProbe
{
    /// <summary>What carries the connections: <c>epoll</c>, <c>sockets</c>.</summary>
    string TransportName { get; }

    /// <summary><c>--max-connections</c>.</summary>
    int MaxConnections { get; }

    /// <summary><c>--max-buffered</c>, bytes.</summary>
    long MaxBufferedBytes { get; }

    /// <summary>The event loops: those that serve, numbered, and the one that accepts.</summary>
    IReadOnlyList<EventLoopProbe> EventLoops { get; }

    /// <summary>How often accepting failed, by the errno's name; null where the transport does not tell (DotNetty's sockets).</summary>
    IReadOnlyDictionary<string, long>? AcceptErrors { get; }

    /// <summary>Asks each event loop for its busiest and its oldest connections; one walk through them all, so at most once a second.</summary>
    /// <param name="most">How many of each.</param>
    /// <returns>Those of all loops together; null where the loops have ended, or do not answer.</returns>
    Task<PeerSurvey?> SurveyAsync(int most);
}

/// <summary>One event loop, as it looks from outside.</summary>
/// <param name="Label">Its number, or <c>accept</c>.</param>
/// <param name="Load">What it has to do; null where that cannot be known: DotNetty's own loops keep it to themselves.</param>
internal sealed record EventLoopProbe(string Label, IEventLoopLoad? Load);

/// <summary>What an event loop has to do. Any thread; asking costs the loop nothing.</summary>
internal interface IEventLoopLoad
{
    /// <summary>Processor time that its thread has used: its growth is the loop's busy share.</summary>
    TimeSpan CpuTime { get; }

    /// <summary>Tasks that wait to be run.</summary>
    int QueueLength { get; }
}
