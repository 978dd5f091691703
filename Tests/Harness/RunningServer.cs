using System.Net;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.Server;
using DotNettyFraming.Server.Admin;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Server.Processing;
using DotNettyFraming.Server.Startup;
using DotNettyFraming.Server.Storage;
using Microsoft.Extensions.Logging.Abstractions;

namespace DotNettyFraming.Tests.Harness;

/// <summary>A server in the test's process, on a free port, with access to its counters and log.</summary>
internal sealed class RunningServer : IAsyncDisposable
{
    private readonly DataPort _server;
    private readonly AdminServer? _admin;
    private readonly ServerTls? _tls;
    private bool _stopped;

    private RunningServer(
        DataPort server, ServerTls? tls, AdminServer? admin, IPEndPoint endpoint, ServerCounters counters, RecordingLogger log)
    {
        _server = server;
        _tls = tls;
        _admin = admin;
        Endpoint = endpoint;
        Counters = counters;
        Log = log;
    }

    public IPEndPoint Endpoint { get; }

    public ServerCounters Counters { get; }

    public RecordingLogger Log { get; }

    /// <summary>The admin port's address, if the server was started with one.</summary>
    public Uri Admin => _admin!.Url;

    public static async Task<RunningServer> StartAsync(
        TransportChoice transport,
        IPacketProcessor? processor = null,
        Func<ServerOptions, ServerOptions>? configure = null,
        TimeProvider? time = null,
        bool admin = false,
        StoreWriter? store = null)
    {
        if (transport == TransportChoice.Epoll)
        {
            Machine.RequireLinux("epoll");
        }

        ServerOptions options = new() { Transport = transport, Address = IPAddress.Loopback, Port = 0, EventLoops = 2 };
        options = configure?.Invoke(options) ?? options;
        var counters = new ServerCounters();
        var log = new RecordingLogger();
        TimeProvider clock = time ?? TimeProvider.System;
        var tls = ServerTls.Of(options, clock, log);
        var server = new DataPort(
            options, processor ?? new CountingProcessor(options.EventLoops), counters, clock, log, tls?.Rules, store);
        AdminServer? adminServer = null;
        if (admin)
        {
            var life = new ServerLife(TimeProvider.System);
            adminServer = new AdminServer(
                new AdminRules(new IPEndPoint(IPAddress.Loopback, 0), [], ProfileAccess.Loopback),
                server,
                counters,
                life,
                TimeProvider.System,
                NullLoggerFactory.Instance);
            await adminServer.StartAsync(CancellationToken.None);
            life.BeginServing();
        }

        return new RunningServer(server, tls, adminServer, (IPEndPoint)await server.StartAsync(), counters, log);
    }

    public Task<Peer> ConnectAsync() => Peer.ConnectAsync(Endpoint);

    /// <summary>Waits until every event loop has run its queued tasks.</summary>
    public Task LoopsAsync() => _server.LoopsAsync().WaitAsync(Peer.Patience);

    /// <summary>Waits until <paramref name="count"/> connections closed for this reason, and checks the counters' identities.</summary>
    public void AssertClosed(CloseReason reason, int count = 1)
    {
        Eventually.That(() => Counters.Closed(reason), Is.EqualTo(count), $"connections.closed.{reason}");
        Eventually.That(() => Counters.PacketsReceived - Counters.PacketsProcessed - Counters.PacketsDropped, Is.Zero);
        AssertBooksBalance();
    }

    /// <summary>Asserts the counters' identities that hold at rest.</summary>
    public void AssertBooksBalance()
    {
        Dictionary<string, long> c = Counters.Named().ToDictionary();
        Assert.Multiple(() =>
        {
            Assert.That(c["packets.processed"] + c["packets.dropped"], Is.EqualTo(c["packets.received"]), "packets");
            Assert.That(c["bytes.header"], Is.EqualTo(7 * c["packets.received"]), "headers");
            Assert.That(
                (7 * c["packets.received"]) + c["bytes.payload"] + c["bytes.discarded"] + c["bytes.unfinished"],
                Is.EqualTo(c["bytes.received"]),
                "bytes");
            long closed = c.Where(pair => pair.Key.StartsWith("connections.closed.", StringComparison.Ordinal)).Sum(pair => pair.Value);
            Assert.That(
                c["connections.open"] + closed,
                Is.EqualTo(c["connections.accepted"]),
                "connections");
        });
    }

    public async Task StopAsync()
    {
        if (!_stopped)
        {
            _stopped = true;
            await _server.StopAsync().WaitAsync(Peer.Patience);
            _server.Dispose();
            _tls?.Dispose();

            if (_admin is not null)
            {
                await _admin.DisposeAsync().AsTask().WaitAsync(Peer.Patience);
            }
        }
    }

    public async ValueTask DisposeAsync() => await StopAsync();
}
