using System.Net;
using System.Net.Sockets;
using DotNetty.Buffers;
using DotNetty.Transport.Channels;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.LoadClient.Abuse;
using DotNettyFraming.LoadClient.Connecting;
using DotNettyFraming.Tests.Harness;
using static DotNettyFraming.Tests.LoadClient.Abuse.Attacker;

namespace DotNettyFraming.Tests.LoadClient.Abuse;

/// <summary>How hostile connections end, against stand-ins that end them in every way or not at all.</summary>
[TestFixture(TransportChoice.Epoll)]
[TestFixture(TransportChoice.Sockets)]
[CancelAfter(60_000)]
public sealed class AttackRunTests(TransportChoice transport)
{
    [Test]
    public async Task Connection_closed_by_the_server_is_counted_with_its_time()
    {
        using var close = new CancellationTokenSource();
        await using var server = new StandInServer(async connection =>
        {
            await connection.ReadAsync();
            await Task.Delay(Timeout.Infinite, close.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            connection.Socket.Dispose();
        });
        Attacker attacker = Start(server, Oversize(8), fakeTime: true);
        Eventually.That(() => attacker.Totals.BytesAtMost, Is.EqualTo(8 * 23));
        Eventually.That(() => server.Connections.Count(connection => connection.Received.Length == 23), Is.EqualTo(8));

        attacker.Clock.Advance(TimeSpan.FromSeconds(30));
        await close.CancelAsync();
        AbuseReport report = await attacker.EndAsync();

        Assert.That(report.Totals.Ended(HostileEnd.ClosedByServer), Is.EqualTo(8));
        Assert.That(report.TimeToClose.Count, Is.EqualTo(8));
        Assert.That(report.TimeToClose.P50, Is.EqualTo(30_000_000).Within(0.1).Percent);
        Assert.That(report.TimeToClose.Max, Is.EqualTo(30_000_000).Within(0.1).Percent);
        Assert.That(report.AnyOutlivedDeadline, Is.False);
    }

    [Test]
    public async Task Connection_reset_by_the_server_is_counted_with_its_time()
    {
        await using var server = new StandInServer(async connection =>
        {
            await connection.ReadAsync();
            connection.Reset();
        });

        AbuseReport report = await Start(server, Oversize(8)).EndAsync();

        Assert.That(report.Totals.Ended(HostileEnd.ResetByServer), Is.EqualTo(8));
        Assert.That(report.TimeToClose.Count, Is.EqualTo(8));
    }

    [TestCase("half-packet", 50)]
    [TestCase("connect-flood", 5)]
    public async Task Refused_connections_are_counted_by_reason_and_each_is_tried_once_or_again_and_again(string kind, int connections)
    {
        using var bound = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        bound.Bind(new IPEndPoint(IPAddress.Loopback, 0)); // not listening, so it refuses
        AbuseOptions options = new() { Kind = AbuseKind.All.Single(k => k.Name == kind), Connections = connections };

        AbuseReport report = await Attacker.Start(
            transport, ((IPEndPoint)bound.LocalEndPoint!).Port, options, TimeSpan.FromSeconds(1)).EndAsync();

        Assert.That(report.Totals.Made, Is.Zero);
        long refused = report.Totals.Ended(HostileEnd.Refused);
        Assert.That(report.Refusals.Single(), Is.EqualTo(KeyValuePair.Create("ConnectionRefused", refused)));
        Assert.That(refused, kind == "half-packet" ? Is.EqualTo(connections) : Is.InRange(connections + 1, 125 * connections));
        Assert.That(report.TimeToClose.Count, Is.Zero);
    }

    [Test]
    public async Task Connection_that_the_server_never_closes_is_still_open_at_its_deadline_and_not_before()
    {
        var deadline = TimeSpan.FromSeconds(60);
        await using var server = new StandInServer(StandInServer.NeverRead);
        Attacker attacker = Start(server, Oversize(8) with { Deadline = deadline }, fakeTime: true);
        Eventually.That(() => attacker.Totals.Open, Is.EqualTo(8));

        attacker.Clock.Advance(deadline - Attack.TickInterval);
        Assert.That(attacker.Totals.Open, Is.EqualTo(8));
        attacker.Clock.Advance(Attack.TickInterval);
        AbuseReport report = await attacker.EndAsync();

        Assert.That(report.Totals.Ended(HostileEnd.StillOpen), Is.EqualTo(8));
        Assert.That(report.AnyOutlivedDeadline, Is.True);
        Assert.That(report.TimeToClose.Count, Is.Zero, "it was not the server that closed them");
        foreach (StandInServer.Connection connection in server.Connections)
        {
            Assert.That(await EndsAsync(connection), Is.True);
        }
    }

    [Test]
    public async Task Each_connection_has_a_deadline_of_its_own()
    {
        await using var server = new StandInServer(StandInServer.NeverRead);
        AbuseOptions options = new() { Kind = AbuseKind.Oversize, RatePerSecond = 1, Deadline = TimeSpan.FromSeconds(3) };
        Attacker attacker = Attacker.Start(transport, server.Port, options, TimeSpan.FromSeconds(3), fakeTime: true);

        foreach (int made in (int[])[1, 2, 3])
        {
            Eventually.That(() => attacker.Totals.Open, Is.EqualTo(made));
            attacker.Clock.Advance(TimeSpan.FromSeconds(1));
        }

        Eventually.That(() => attacker.Totals.Ended(HostileEnd.StillOpen), Is.EqualTo(1));
        Assert.That(attacker.Totals.Open, Is.EqualTo(2));
        attacker.Clock.Advance(TimeSpan.FromSeconds(1));
        Eventually.That(() => attacker.Totals.Ended(HostileEnd.StillOpen), Is.EqualTo(2));
        Assert.That(attacker.Totals.Open, Is.EqualTo(1));
        attacker.Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.That((await attacker.EndAsync()).Totals.Ended(HostileEnd.StillOpen), Is.EqualTo(3));
    }

    [Test]
    public async Task Unread_random_bytes_wait_in_one_write_per_connection()
    {
        await using var server = new StandInServer(StandInServer.NeverRead, receiveBufferBytes: 4096);
        AbuseOptions options = new() { Kind = AbuseKind.RandomBytes, Connections = 4, Deadline = TimeSpan.FromSeconds(60) };
        Attacker attacker = Attacker.Start(transport, server.Port, options, AttackTime, fakeTime: true);
        Eventually.That(() => attacker.Totals.Open, Is.EqualTo(4));

        AbuseReport report = await attacker.PassTimeUntilEndAsync(TimeSpan.FromSeconds(1));

        Assert.That(report.Totals.Ended(HostileEnd.StillOpen), Is.EqualTo(4));
        Assert.That(report.Totals.BytesAtMost, Is.LessThan(4 * 16 * 1024 * 1024), "what the kernel's buffers take, and a write");
    }

    [Test]
    public async Task Source_is_asked_for_each_connection()
    {
        await using var server = new StandInServer(async connection =>
        {
            await connection.ReadAsync();
            connection.Socket.Dispose();
        });
        int asked = 0;

        AbuseReport report = await Start(
            server, Oversize(4), source: () => new IPEndPoint(IPAddress.Parse(asked++ % 2 == 0 ? "127.0.0.2" : "127.0.0.3"), 0)).EndAsync();

        Assert.That(report.Totals.Made, Is.EqualTo(4));
        Assert.That(asked, Is.EqualTo(4));
        string[] peers = [.. server.Connections.Select(connection => connection.Address)];
        Assert.That(peers, Is.EquivalentTo(new[] { "127.0.0.2", "127.0.0.2", "127.0.0.3", "127.0.0.3" }));
    }

    [Test]
    public async Task Source_that_is_none_of_this_machines_addresses_is_a_refusal()
    {
        await using var server = new StandInServer(StandInServer.NeverRead);

        AbuseReport report = await Start(server, Oversize(4), source: () => new IPEndPoint(IPAddress.Parse("203.0.113.1"), 0)).EndAsync();

        Assert.That(report.Refusals, Is.EqualTo(new[] { KeyValuePair.Create("AddressNotAvailable", 4L) }));
    }

    [Test]
    public async Task Handlers_put_in_front_see_every_byte()
    {
        await using var server = new StandInServer(async connection =>
        {
            await connection.ReadAsync();
            connection.Socket.Dispose();
        });

        await Start(server, Oversize(1), prepend: pipeline => pipeline.AddFirst(new Inverting())).EndAsync();

        byte[] received = server.Connections.Single().Received;
        Assert.That(received, Has.Length.EqualTo(23));
        Assert.That(received[..3], Is.EqualTo(new byte[] { 0xD9, 0x00, 0x00 }), "26 FF FF, inverted");
    }

    [Test]
    public async Task Fault_in_front_of_the_peer_is_a_failure_with_its_reason()
    {
        await using var server = new StandInServer(StandInServer.NeverRead);

        AbuseReport report = await Start(server, Oversize(2), prepend: pipeline => pipeline.AddFirst(new Failing())).EndAsync();

        Assert.That(report.Totals.Ended(HostileEnd.Failed), Is.EqualTo(2));
        Assert.That(report.Failures, Is.EqualTo(new[] { KeyValuePair.Create("NotSupportedException", 2L) }));
        Assert.That(report.TimeToClose.Count, Is.Zero, "it was not the server");
    }

    [Test]
    public async Task Transport_without_a_descriptor_to_spare_is_a_refusal()
    {
        LoadTransport loops = LoadTransport.Of(transport, eventLoops: 1) with
        {
            NewChannel = _ => throw new SocketException((int)SocketError.TooManyOpenSockets),
        };
        var run = new Attack(
            Oversize(3), () => new IPEndPoint(IPAddress.Loopback, 9), null, loops, null, TimeProvider.System, new RecordingLogger());

        AbuseReport report = await run.RunAsync(AttackTime, CancellationToken.None).WaitAsync(Peer.Patience);

        Assert.That(report.Refusals, Is.EqualTo(new[] { KeyValuePair.Create("TooManyOpenSockets", 3L) }));
    }

    private Attacker Start(
        StandInServer server,
        AbuseOptions options,
        bool fakeTime = false,
        Func<EndPoint?>? source = null,
        Action<IChannelPipeline>? prepend = null) =>
        Attacker.Start(transport, server.Port, options, AttackTime, fakeTime, source, prepend);

    /// <summary>Reads the remaining bytes, and returns whether the connection ended.</summary>
    private static async Task<bool> EndsAsync(StandInServer.Connection connection)
    {
        using var timeout = new CancellationTokenSource(Peer.Patience);
        byte[] buffer = new byte[4096];
        try
        {
            while (await connection.Socket.ReceiveAsync(buffer, timeout.Token) > 0)
            {
            }

            return true;
        }
        catch (SocketException exception)
        {
            return exception.SocketErrorCode == SocketError.ConnectionReset;
        }
    }

    /// <summary>A handler that inverts every bit written, as encryption would change it.</summary>
    private sealed class Inverting : ChannelHandlerAdapter
    {
        public override Task WriteAsync(IChannelHandlerContext context, object message)
        {
            var plain = (IByteBuffer)message;
            byte[] inverted = new byte[plain.ReadableBytes];
            plain.ReadBytes(inverted);
            plain.Release();
            return context.WriteAsync(Unpooled.WrappedBuffer([.. inverted.Select(b => (byte)~b)]));
        }
    }

    /// <summary>A handler that fails like a TLS handshake.</summary>
    private sealed class Failing : ChannelHandlerAdapter
    {
        public override void ChannelActive(IChannelHandlerContext context)
        {
            context.FireChannelActive();
            context.FireExceptionCaught(new NotSupportedException("no such TLS"));
        }
    }
}
