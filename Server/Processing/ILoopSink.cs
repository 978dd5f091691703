using DotNettyFraming.Codec;

namespace DotNettyFraming.Server.Processing;

/// <summary>A store of packets, from the side of one event loop.</summary>
/// <remarks>Threads: the event loop only.</remarks>
internal interface ILoopSink
{
    /// <summary>Copies a processed batch; <see cref="ISinkConnection.Stored"/> follows when it is durable.</summary>
    void Append(ISinkConnection connection, PacketBatch batch);

    /// <summary>Publishes what was appended; called once per loop turn with appends.</summary>
    void TurnEnd();
}

/// <summary>A connection, from the side of a sink.</summary>
internal interface ISinkConnection
{
    /// <summary>Its number, unique within a node for all time.</summary>
    long Id { get; }

    /// <summary>The peer's address and port.</summary>
    string Peer { get; }

    /// <summary>What the sink keeps for this connection.</summary>
    ref SinkState SinkState { get; }

    /// <summary>Every packet before <paramref name="position"/> is durable. On the event loop.</summary>
    void Stored(long position);
}

/// <summary>What a sink keeps per connection; only the sink touches it.</summary>
internal struct SinkState
{
    /// <summary>The group with the connection's newest packets, and the connection's place in it. The event loop's.</summary>
    public object? Group;

    /// <summary>See <see cref="Group"/>.</summary>
    public int Index;

    /// <summary>The segment that knows the connection's peer. The writer's.</summary>
    public long Segment;
}
