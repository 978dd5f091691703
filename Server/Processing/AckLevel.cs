namespace DotNettyFraming.Server.Processing;

/// <summary>The choices of <c>--ack</c>: when a packet is done and can be acknowledged.</summary>
public enum AckLevel
{
    /// <summary>Nothing is acknowledged.</summary>
    Off,

    /// <summary>The processor has completed; with a store, the packets are also stored.</summary>
    Processed,

    /// <summary>The packets are on the disk: the fsync of their commit has returned.</summary>
    Stored,

    /// <summary>The packets are in the stream of <c>--forward</c>, and on <c>--forward-replicas</c> of its replicas.</summary>
    Forwarded,
}
