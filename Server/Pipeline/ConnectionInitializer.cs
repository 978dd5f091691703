using DotNetty.Transport.Channels;
using DotNettyFraming.Codec;
using DotNettyFraming.Server.Processing;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Server.Pipeline;

/// <summary>Builds the pipeline of each accepted connection: the way of the data, in order.</summary>
internal sealed class ConnectionInitializer : ChannelInitializer<IChannel>
{
    private readonly int _maxPayloadBytes;
    private readonly IPacketProcessor _processor;
    private readonly IReadOnlyDictionary<IEventLoop, LoopState> _loops;
    private readonly ILogger _logger;
    private readonly CancellationToken _forcedStop;
    private readonly TlsPipeline? _tls;
    private long _connections;

    /// <param name="maxPayloadBytes">The longest payload accepted.</param>
    /// <param name="processor">What to do with packets.</param>
    /// <param name="loops">The state of each event loop that serves connections.</param>
    /// <param name="logger">Where connections' events go.</param>
    /// <param name="forcedStop">Cancelled when the server waits no longer for processing to complete.</param>
    /// <param name="tls">Encryption; null = none.</param>
    public ConnectionInitializer(
        int maxPayloadBytes,
        IPacketProcessor processor,
        IReadOnlyDictionary<IEventLoop, LoopState> loops,
        ILogger logger,
        CancellationToken forcedStop,
        TlsPipeline? tls = null)
    {
        _maxPayloadBytes = maxPayloadBytes;
        _processor = processor;
        _loops = loops;
        _logger = logger;
        _forcedStop = forcedStop;
        _tls = tls;
    }

    protected override void InitChannel(IChannel channel)
    {
        LoopState loop = _loops[channel.EventLoop];
        var connection = new Connection(Interlocked.Increment(ref _connections), channel, loop, _logger);

        _tls?.AddTo(channel.Pipeline, connection);
        channel.Pipeline
            .AddLast("decoder", new PacketDecoder(_maxPayloadBytes, loop.Counters.Bytes))
            .AddLast("prefix", new PrefixValidationHandler(connection, _logger))
            .AddLast("processing", new ProcessingHandler(connection, _processor, _forcedStop))
            .AddLast("close", new CloseHandler(connection, _logger));
    }
}
