using System.Net;
using System.Net.Sockets;
using DotNetty.Common.Internal.Logging;
using DotNettyFraming.Codec;
using DotNettyFraming.Hosting;
using DotNettyFraming.Server;
using DotNettyFraming.Server.Processing;
using DotNettyFraming.Tests.Harness;
using Microsoft.Extensions.Logging;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Server;

/// <summary>The server as a library, through its public API only.</summary>
[CancelAfter(60_000)]
public sealed class FramingServerTests
{
    [Test]
    public async Task Server_on_a_free_port_processes_packets_and_stops()
    {
        var processor = new LifeRecorder();
        await using FramingServer server = Builder().UseProcessor(processor).Build();

        await server.StartAsync();
        await SendAsync(server, Repeat(Article, 100));
        Eventually.That(() => server.ReadCounters()["packets.processed"], Is.EqualTo(100));
        await server.StopAsync();

        Assert.That(((IPEndPoint)server.Endpoint!).Port, Is.Not.Zero);
        Assert.That(server.AdminUrl, Is.Null);
        Assert.That(server.ReadCounters()["connections.accepted"], Is.EqualTo(1));
        Assert.That(processor.Events, Is.EqualTo(["start with 1 event loops", "packets", "stop"]));
    }

    [Test]
    public async Task Several_servers_in_one_process_count_and_report_for_themselves()
    {
        using var http = new HttpClient();
        await using FramingServer one = WithAdmin().Build();
        await using FramingServer two = WithAdmin().Build();
        await one.StartAsync();
        await two.StartAsync();

        await SendAsync(one, Repeat(Article, 3));
        await SendAsync(two, Repeat(Article, 5));
        Eventually.That(() => one.ReadCounters()["packets.processed"], Is.EqualTo(3));
        Eventually.That(() => two.ReadCounters()["packets.processed"], Is.EqualTo(5));

        Assert.That(await ScrapeAsync(one), Is.EqualTo(["framing_packets_processed_total{} 3"]));
        Assert.That(await ScrapeAsync(two), Is.EqualTo(["framing_packets_processed_total{} 5"]));
        await one.StopAsync();
        await SendAsync(two, Article);
        Eventually.That(() => two.ReadCounters()["packets.processed"], Is.EqualTo(6), "the other server goes on");

        static FramingServerBuilder WithAdmin() => Builder().UseOptions(options => options with { Admin = new(IPAddress.Loopback, 0) });

        async Task<string[]> ScrapeAsync(FramingServer server)
        {
            string text = await http.GetStringAsync(new Uri(server.AdminUrl!, "metrics"));
            return [.. text.Split('\n').Where(line => line.StartsWith("framing_packets_processed_total", StringComparison.Ordinal))
                .Select(line => string.Join(' ', line.Split(' ').Take(2)))];
        }
    }

    [Test]
    public async Task Server_leaves_the_settings_of_the_process_alone()
    {
        ILoggerFactory log = InternalLoggerFactory.DefaultFactory;
        TextWriter output = Console.Out;
        string[] variables = Variables();
        await using FramingServer server = Builder().Build();

        await server.StartAsync();
        await server.StopAsync();

        Assert.That(InternalLoggerFactory.DefaultFactory, Is.SameAs(log));
        Assert.That(Console.Out, Is.SameAs(output));
        Assert.That(Variables(), Is.EquivalentTo(variables));

        static string[] Variables() => [.. Environment.GetEnvironmentVariables().Keys.Cast<string>()];
    }

    [Test]
    public async Task Lambda_is_a_processor([Values("action", "task", "async")] string kind)
    {
        int packets = 0;
        FramingServerBuilder builder = kind switch
        {
            "action" => Builder().UseProcessor((batch, source) => { Interlocked.Add(ref packets, batch.Count); }),
            "task" => Builder().UseProcessor((batch, source) =>
            {
                Interlocked.Add(ref packets, batch.Count);
                return ValueTask.CompletedTask;
            }),
            _ => Builder().UseProcessor(async (batch, source) =>
            {
                int count = batch.Count;
                await Task.Yield();
                Interlocked.Add(ref packets, count);
            }),
        };
        await using FramingServer server = builder.Build();
        await server.StartAsync();

        await SendAsync(server, Repeat(Article, 7));

        Eventually.That(() => server.ReadCounters()["packets.processed"], Is.EqualTo(7));
        Assert.That(packets, Is.EqualTo(7));
    }

    [Test]
    public async Task Failed_processor_fails_the_start_and_opens_no_port()
    {
        int port = Machine.FreePort();
        await using FramingServer server = Builder().UseOptions(options => options with { Port = port })
            .UseProcessor(new LifeRecorder { StartFault = new IOException("no database") }).Build();

        Exception? fault = await Assert.CatchAsync(() => server.StartAsync());

        Assert.That(fault, Is.InstanceOf<StartupException>().With.Message.EqualTo("the packet processor did not start: no database"));
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        Assert.That(() => socket.Connect(IPAddress.Loopback, port), Throws.InstanceOf<SocketException>());
    }

    [Test]
    public async Task Failing_stop_of_a_processor_is_thrown_when_all_is_closed()
    {
        FramingServer server = Builder().UseProcessor(new LifeRecorder { StopFault = new IOException("disk full") }).Build();
        await server.StartAsync();
        var endpoint = (IPEndPoint)server.Endpoint!;

        Assert.That(server.StopAsync, Throws.InstanceOf<IOException>().With.Message.EqualTo("disk full"));

        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        Assert.That(() => socket.Connect(endpoint), Throws.InstanceOf<SocketException>());
        Assert.That(async () => await server.DisposeAsync(), Throws.InstanceOf<IOException>(), "the same stop");
    }

    [Test]
    public async Task Port_in_use_fails_the_start_in_one_line()
    {
        await using FramingServer first = Builder().Build();
        await first.StartAsync();
        int port = ((IPEndPoint)first.Endpoint!).Port;
        await using FramingServer second = Builder().UseOptions(options => options with { Port = port }).Build();

        Exception? fault = await Assert.CatchAsync(() => second.StartAsync());

        Assert.That(fault, Is.InstanceOf<StartupException>().With.Message.Contains($"--port {port}: cannot listen: "));
    }

    [Test]
    public async Task Second_start_is_refused()
    {
        await using FramingServer server = Builder().Build();
        await server.StartAsync();

        Assert.That(() => server.StartAsync(), Throws.InvalidOperationException);
    }

    [Test]
    public void Command_line_overrides_options_set_by_code()
    {
        FramingServerBuilder builder = FramingServer.CreateBuilder(["--port", "7001"])
            .UseOptions(options => options with { Port = 7000, Backlog = 10, MaxConnections = 20 });

        ServerOptions options = builder.Build().Options;

        Assert.That((options.Port, options.Backlog, options.MaxConnections), Is.EqualTo((7001, 10, 20)));
    }

    [Test]
    public void Without_arguments_the_environment_is_not_read()
    {
        Environment.SetEnvironmentVariable("FRAMING_PORT", "7002");
        try
        {
            Assert.That(FramingServer.CreateBuilder().Build().Options.Port, Is.EqualTo(9999));
            Assert.That(FramingServer.CreateBuilder([]).Build().Options.Port, Is.EqualTo(7002));
        }
        finally
        {
            Environment.SetEnvironmentVariable("FRAMING_PORT", null);
        }
    }

    [Test]
    public void Impossible_options_set_by_code_are_all_reported()
    {
        FramingServerBuilder builder = FramingServer.CreateBuilder()
            .UseOptions(options => options with { Port = 70000, EventLoops = 0, TlsKeyFile = "key.pem" })
            .UseOptions(options => options with { ProxyProtocol = ProxyProtocol.Required });

        var fault = Assert.Throws<ArgumentException>(() => builder.Build());

        Assert.That(fault.Message.Split(Environment.NewLine), Is.EqualTo(new[]
        {
            "--port (set by code): '70000' is out of range (0 to 65535)",
            "--event-loops (set by code): '0' is out of range (1 to 1024)",
            "--tls-key: needs --tls-certificate",
            "--proxy-protocol: 'required' needs --proxy-trusted, the networks that may send PROXY headers",
        }));
    }

    [Test]
    public async Task Log_goes_to_the_own_factory()
    {
        var log = new RecordingLogger();
        using var provider = new RecordingProvider(log);
        using ILoggerFactory loggers = LoggerFactory.Create(logging => logging.AddProvider(provider));
        await using FramingServer server = Builder().UseLoggerFactory(loggers).Build();

        await server.StartAsync();
        await server.StopAsync();

        Assert.That(log.Lines.Select(line => line.Message), Has.One.EqualTo($"listening on {server.Endpoint}"));
        Assert.That(log.Lines.Last().Message, Does.StartWith("stopped: connections.open=0"));
    }

    private static FramingServerBuilder Builder() => FramingServer.CreateBuilder().WithoutAdmin()
        .UseOptions(options => options with { Address = IPAddress.Loopback, Port = 0, EventLoops = 1 });

    private static async Task SendAsync(FramingServer server, byte[] packets)
    {
        using Peer peer = await Peer.ConnectAsync((IPEndPoint)server.Endpoint!);
        await peer.SendAsync(packets);
        peer.Finish();
        await peer.ClosedByServerAsync();
    }

    private sealed class LifeRecorder : IPacketProcessor
    {
        public List<string> Events { get; } = [];

        public Exception? StartFault { get; init; }

        public Exception? StopFault { get; init; }

        public Task StartAsync(ServerOptions options, CancellationToken cancellationToken)
        {
            Events.Add($"start with {options.EventLoops} event loops");
            return StartFault is null ? Task.CompletedTask : Task.FromException(StartFault);
        }

        public ValueTask ProcessAsync(PacketBatch batch, PacketSource source, CancellationToken cancellationToken)
        {
            lock (Events)
            {
                if (Events[^1] != "packets")
                {
                    Events.Add("packets");
                }
            }

            return ValueTask.CompletedTask;
        }

        public Task StopAsync(CancellationToken cancellationToken)
        {
            Events.Add("stop");
            return StopFault is null ? Task.CompletedTask : Task.FromException(StopFault);
        }
    }
}
