using DotNetty.Buffers;
using DotNetty.Transport.Channels;
using DotNetty.Transport.Channels.Embedded;
using DotNettyFraming.Codec;
using DotNettyFraming.Server.Limits;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Server.Pipeline;
using DotNettyFraming.Server.Pipeline.Output;
using DotNettyFraming.Server.Processing;
using DotNettyFraming.Tests.Harness;

namespace DotNettyFraming.Tests.Server.Pipeline;

/// <summary>A connection over an <see cref="EmbeddedChannel"/> with the handlers that a test chooses.</summary>
internal sealed class HandlerRig : IDisposable
{
    public HandlerRig(
        Func<HandlerRig, IChannelHandler[]> handlers,
        int maxPayloadBytes = 65_535,
        LoopState? loop = null,
        EmbeddedChannel? channel = null)
    {
        Channel = channel ?? new EmbeddedChannel();
        Loop = loop ?? NewLoop(Counters);
        Decoder = new PacketDecoder(null, maxPayloadBytes, Loop.Counters.Bytes);
        Connection = new Connection(1, Channel, Loop, Decoder, limitedAs: null, Log);
        Channel.Pipeline.AddLast("head", new Head());
        Channel.Pipeline.AddLast(handlers(this));
        Channel.Pipeline.FireChannelActive(); // the embedded channel became active before it had handlers
    }

    /// <summary>Returns a rig with the server's whole pipeline.</summary>
    public static HandlerRig WholePipeline(
        IPacketProcessor processor,
        int maxPayloadBytes = 65_535,
        LoopState? loop = null,
        EmbeddedChannel? channel = null) => new(rig =>
    [
        rig.Decoder,
        new PrefixValidationHandler(rig.Connection, rig.Log),
        new ProcessingHandler(rig.Connection, processor, CancellationToken.None),
        new CloseHandler(rig.Connection, rig.Log),
    ], maxPayloadBytes, loop, channel);

    /// <summary>Returns the state of an event loop without limits and deadlines.</summary>
    public static LoopState NewLoop(
        ServerCounters counters,
        long maxPendingBytes = BackPressure.MaxLoopMark,
        ConnectionLimits? limits = null,
        int availableBytes = 0,
        Acknowledger? acknowledger = null,
        SocketCalls? sockets = null) => new(
        0,
        counters.AddLoop(),
        limits ?? new ConnectionLimits(int.MaxValue, 0),
        new DeadlineSweep(PeerDeadlines.None, TimeProvider.System) { AvailableBytes = _ => availableBytes },
        new BufferBudget(long.MaxValue, eventLoops: 1),
        maxPendingBytes)
        {
            Acknowledger = acknowledger,
            Sockets = sockets ?? SocketCalls.None,
        };

    private TimeSpan _now;

    public EmbeddedChannel Channel { get; }

    public ServerCounters Counters { get; } = new();

    public LoopState Loop { get; }

    public PacketDecoder Decoder { get; }

    public Connection Connection { get; }

    public RecordingLogger Log { get; } = new();

    /// <summary>The peers' deadlines; by default there is none for packets.</summary>
    public PeerDeadlines Deadlines { get; set; } = PeerDeadlines.None with { TlsHandshake = TimeSpan.FromSeconds(10) };

    /// <summary>Checks the connection's deadlines, <paramref name="after"/> the previous sweep.</summary>
    public void Sweep(TimeSpan after = default)
    {
        _now += after;
        if (Connection.JudgePeer(_now.Ticks, after.Ticks, Deadlines) is CloseReason reason)
        {
            Connection.Abort(reason);
        }
    }

    /// <summary>Passes <paramref name="bytes"/> to the pipeline as one read.</summary>
    public void Receive(params byte[] bytes)
    {
        IByteBuffer buffer = Channel.Allocator.HeapBuffer(Math.Max(1, bytes.Length));
        buffer.WriteBytes(bytes);
        Channel.WriteInbound(buffer);
    }

    /// <summary>Returns and removes the bytes sent to the peer so far, one array per write.</summary>
    public byte[][] TakeSent()
    {
        var sent = new List<byte[]>();
        while (Channel.ReadOutbound<IByteBuffer>() is { } buffer)
        {
            byte[] bytes = new byte[buffer.ReadableBytes];
            buffer.ReadBytes(bytes);
            buffer.Release();
            sent.Add(bytes);
        }

        return [.. sent];
    }

    /// <summary>Runs the event loop's tasks until <paramref name="done"/>.</summary>
    public void RunLoopUntil(Func<bool> done) => Eventually.That(
        () =>
        {
            Channel.RunPendingTasks();
            return done();
        },
        Is.True);

    /// <summary>Ends the input as a handler at the head of the pipeline does.</summary>
    public void EndInput(CloseReason reason) => Connection.EndInput(Channel.Pipeline.Context("head"), reason);

    public void Dispose() => Channel.FinishAndReleaseAll();

    /// <summary>A handler that passes on everything.</summary>
    private sealed class Head : ChannelHandlerAdapter;
}
