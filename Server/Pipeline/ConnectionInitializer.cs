using System.Net;
using DotNetty.Common.Internal.Logging;
using DotNetty.Handlers.Logging;
using DotNetty.Transport.Channels;
using DotNettyFraming.Codec;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Server.Pipeline.Proxy;
using DotNettyFraming.Server.Pipeline.Tls;
using DotNettyFraming.Server.Processing;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Server.Pipeline;

/// <summary>Builds the pipeline of each accepted connection: the handlers in the order of the data.</summary>
internal sealed class ConnectionInitializer : ChannelInitializer<IChannel>
{
    private readonly HeaderLayout _header;
    private readonly int _maxPayloadBytes;
    private readonly ProxyRules? _proxy;
    private readonly IPacketProcessor _processor;
    private readonly IReadOnlyDictionary<IEventLoop, LoopState> _loops;
    private readonly ILogger _logger;
    private readonly CancellationToken _forcedStop;
    private readonly TlsRules? _tls;
    private readonly IInternalLogger _bytesLog = InternalLoggerFactory.GetInstance(ServerLog.BytesCategory);
    private long _connections;

    /// <param name="header">The layout of headers.</param>
    /// <param name="maxPayloadBytes">The longest payload accepted.</param>
    /// <param name="proxy">The trusted senders of PROXY headers; null if connections have none.</param>
    /// <param name="processor">The user's code.</param>
    /// <param name="loops">The state of each event loop that serves connections.</param>
    /// <param name="logger">The log of connections.</param>
    /// <param name="forcedStop">Cancelled when the server no longer waits for processing to complete.</param>
    /// <param name="tls">The TLS settings; null without TLS.</param>
    public ConnectionInitializer(
        HeaderLayout header,
        int maxPayloadBytes,
        ProxyRules? proxy,
        IPacketProcessor processor,
        IReadOnlyDictionary<IEventLoop, LoopState> loops,
        ILogger logger,
        CancellationToken forcedStop,
        TlsRules? tls = null)
    {
        _header = header;
        _maxPayloadBytes = maxPayloadBytes;
        _proxy = proxy;
        _processor = processor;
        _loops = loops;
        _logger = logger;
        _forcedStop = forcedStop;
        _tls = tls;
    }

    /// <summary>The number of the first connection.</summary>
    public long FirstId { get; init; } = 1;

    protected override void InitChannel(IChannel channel)
    {
        LoopState loop = _loops[channel.EventLoop];
        long id = FirstId + Interlocked.Increment(ref _connections) - 1;
        // Behind a balancer the PROXY header names the peer.
        IPAddress? address = _proxy is null ? (channel.RemoteAddress as IPEndPoint)?.Address : null;
        if (loop.Limits.Enter(address) is CloseReason refused)
        {
            Refuse(channel, loop, id, refused);
            return;
        }

        var decoder = new PacketDecoder(_header, _maxPayloadBytes, loop.Counters.Bytes);
        var connection = new Connection(id, channel, loop, decoder, address, _logger);
        try
        {
            Build(channel.Pipeline, connection, decoder);
        }
        catch (Exception exception)
        {
            // Without the last handler nothing else would count the end and leave the limits.
            _logger.UnexpectedError(exception, id, connection.Source.Peer);
            connection.Abort(CloseReason.InternalError);
            connection.Closed();
        }
    }

    private void Build(IChannelPipeline pipeline, Connection connection, PacketDecoder decoder)
    {
        if (_proxy is not null)
        {
            pipeline.AddLast("proxy", new ProxyHeaderHandler(connection, _proxy));
        }

        if (_tls is not null)
        {
            pipeline.AddLast("tls", new TlsHandler(connection, _tls));
        }

        if (_bytesLog.TraceEnabled)
        {
            pipeline.AddLast("bytes", new LoggingHandler(ServerLog.BytesCategory, DotNetty.Handlers.Logging.LogLevel.TRACE));
        }

        pipeline
            .AddLast("decoder", decoder)
            .AddLast("prefix", new PrefixValidationHandler(connection, _logger))
            .AddLast("processing", new ProcessingHandler(connection, _processor, _forcedStop))
            .AddLast("close", new CloseHandler(connection, _logger));
    }

    /// <summary>Counts and closes a connection above a limit, without allocating anything for it.</summary>
    private void Refuse(IChannel channel, LoopState loop, long id, CloseReason reason)
    {
        loop.Counters.CountAccepted();
        loop.Counters.CountClosed(reason);
        _logger.ConnectionClosed(id, channel.RemoteAddress, reason);
        channel.CloseAsync();
    }
}
