using System.Net.Sockets;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.LoadClient.Abuse;
using DotNettyFraming.Tests.Codec;
using DotNettyFraming.Tests.Harness;

namespace DotNettyFraming.Tests.LoadClient.Abuse;

/// <summary>The bytes that arrive at a server on raw sockets from each kind of hostile peer.</summary>
[TestFixture(TransportChoice.Epoll)]
[TestFixture(TransportChoice.Sockets)]
[CancelAfter(60_000)]
public sealed class HostileWireTests(TransportChoice transport)
{
    private static readonly TimeSpan AttackTime = TimeSpan.FromSeconds(10);

    [TestCase("bad-prefix", 64)]
    [TestCase("oversize", 23)]
    [TestCase("half-packet", 65_541)]
    public async Task Peer_sends_its_bytes_and_then_waits(string name, int length)
    {
        AbuseOptions options = new() { Kind = KindOf(name), Connections = 3 };
        using var close = new CancellationTokenSource();
        await using var server = new StandInServer(async connection =>
        {
            await ReadAsync(connection, length);
            await CloseWhenAsync(connection, close.Token);
        });

        Attacker attacker = Attacker.Start(transport, server.Port, options, AttackTime);
        Eventually.That(() => server.Connections.Sum(connection => connection.Received.Length), Is.EqualTo(3 * length));
        Assert.That(attacker.Totals.Open, Is.EqualTo(3));
        await close.CancelAsync();
        AbuseReport report = await attacker.EndAsync();

        byte[] tape = options.Kind.Script(0).Tape.Stamped(0);
        foreach (StandInServer.Connection connection in server.Connections)
        {
            AssertStampedNow(connection.Received);
            Assert.That(WithoutTime(connection.Received), Is.EqualTo(WithoutTime(tape)));
        }

        Assert.That(report.Totals.Ended(HostileEnd.ClosedByServer), Is.EqualTo(3));
        Assert.That(report.Totals.BytesAtMost, Is.EqualTo(3 * length));
        Assert.That(report.Totals.PacketsAtMost, Is.Zero);
    }

    [Test]
    public async Task Bad_prefix_late_sends_its_good_packets_in_front_and_they_are_counted()
    {
        using var close = new CancellationTokenSource();
        await using var server = new StandInServer(async connection =>
        {
            await ReadAsync(connection, 5 * 32);
            await CloseWhenAsync(connection, close.Token);
        });

        Attacker attacker = Attacker.Start(
            transport, server.Port, new AbuseOptions { Kind = AbuseKind.BadPrefixLate, Connections = 40, Seed = 3 }, AttackTime);
        Eventually.That(() => server.Connections.Count(connection => connection.Received.Length >= 5 * 32), Is.EqualTo(40));
        await close.CancelAsync();
        AbuseReport report = await attacker.EndAsync();

        ReferenceDecoder[] decoders = [.. server.Connections.Select(connection => new ReferenceDecoder().Feed(connection.Received))];
        Assert.That(decoders.Select(decoder => decoder.Fault), Has.All.Not.Null);
        Assert.That(decoders.Select(decoder => decoder.Packets.Count).Distinct().Count(), Is.GreaterThan(5));
        Assert.That(report.Totals.PacketsAtMost, Is.EqualTo(decoders.Sum(decoder => decoder.Packets.Count)));
        Assert.That(report.Totals.BytesAtMost, Is.EqualTo(server.Connections.Sum(connection => connection.Received.Length)));
    }

    [Test]
    public async Task Reset_arrives_after_packets_and_part_of_one()
    {
        int resets = 0;
        await using var server = new StandInServer(async connection =>
        {
            try
            {
                while (await connection.ReadAsync() > 0)
                {
                }
            }
            catch (SocketException exception) when (exception.SocketErrorCode == SocketError.ConnectionReset)
            {
                Interlocked.Increment(ref resets);
            }
        });

        AbuseReport report = await Attacker.Start(
            transport, server.Port, new AbuseOptions { Kind = AbuseKind.Reset, Connections = 20 }, AttackTime).EndAsync();

        Eventually.That(() => Volatile.Read(ref resets), Is.EqualTo(20));
        Assert.That(report.Totals.Ended(HostileEnd.EndedItself), Is.EqualTo(20));
        Assert.That(report.Totals.PacketsAtMost, Is.InRange(20, 160));
        foreach (StandInServer.Connection connection in server.Connections)
        {
            // Bytes behind the reset are lost; those read before it are valid packets, the last one perhaps cut.
            Assert.That(new ReferenceDecoder().Feed(connection.Received).Fault, Is.Null);
        }
    }

    [Test]
    [Category("Slow")]
    public async Task Random_bytes_flow_until_the_server_closes()
    {
        const int Enough = 9_000_000; // more than the kernel's buffers hold
        using var read = new CancellationTokenSource();
        await using var server = new StandInServer(
            async connection =>
            {
                await Task.Delay(Timeout.Infinite, read.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                await ReadAsync(connection, Enough);
                connection.Socket.Dispose();
            },
            receiveBufferBytes: 4096);

        Attacker attacker = Attacker.Start(
            transport, server.Port, new AbuseOptions { Kind = AbuseKind.RandomBytes, Connections = 2, Seed = 9 }, AttackTime);
        Eventually.That(() => attacker.Totals.BytesAtMost, Is.GreaterThan(0));
        await read.CancelAsync();
        AbuseReport report = await attacker.EndAsync();

        HostileScript script = AbuseKind.RandomBytes.Script(9);
        byte[] tape = script.Tape.Stamped(0);
        IEnumerable<byte[]> expected = Enumerable.Range(0, 2).Select(peer => Enumerable.Range(0, Enough / (16 * 1024))
            .Select(step => script.Next(peer, step)).SelectMany(step => tape.AsSpan(step.Offset, step.Length).ToArray()).ToArray());
        int length = Enough / (16 * 1024) * (16 * 1024);
        Assert.That(server.Connections.Select(connection => connection.Received[..length]), Is.EquivalentTo(expected));
        Assert.That(
            report.Totals.Ended(HostileEnd.ResetByServer) + report.Totals.Ended(HostileEnd.ClosedByServer), Is.EqualTo(2));
        Assert.That(report.Totals.BytesAtMost, Is.GreaterThanOrEqualTo(server.Connections.Sum(connection => connection.Received.Length)));
    }

    [Test]
    public async Task Slow_loris_sends_a_byte_when_connected_and_then_one_per_second()
    {
        const int Peers = 200;
        await using var server = new StandInServer(StandInServer.ReadToEnd);
        Attacker attacker = Attacker.Start(
            transport,
            server.Port,
            new AbuseOptions { Kind = AbuseKind.SlowLoris, Connections = Peers, Deadline = TimeSpan.FromSeconds(5) },
            AttackTime,
            fakeTime: true);
        AssertReceived(Peers, "one each when connected");

        attacker.Clock.Advance(TimeSpan.FromMilliseconds(300));
        AssertReceived(Peers + (Peers * 3 / 10), "three in ten are due within 300 ms");
        attacker.Clock.Advance(TimeSpan.FromMilliseconds(700));
        AssertReceived(2 * Peers, "one more each");
        attacker.Clock.Advance(TimeSpan.FromSeconds(1));
        AssertReceived(3 * Peers, "and one more");

        AbuseReport report = await attacker.PassTimeUntilEndAsync(Attack.TickInterval);
        await server.ServedAllAsync();
        Assert.That(report.Totals.Ended(HostileEnd.StillOpen), Is.EqualTo(Peers));
        byte[] tape = AbuseKind.SlowLoris.Script(0).Tape.Stamped(1_700_000_000);
        foreach (StandInServer.Connection connection in server.Connections)
        {
            Assert.That(connection.Received, Has.Length.InRange(5, 7));
            Assert.That(connection.Received, Is.EqualTo(tape[..connection.Received.Length]), "one packet, with one time");
        }

        void AssertReceived(int bytes, string when)
        {
            Eventually.That(() => server.Connections.Sum(connection => connection.Received.Length), Is.GreaterThanOrEqualTo(bytes), when);
            Assert.That(attacker.Totals.BytesAtMost, Is.EqualTo(bytes), when);
        }
    }

    private static AbuseKind KindOf(string name) => AbuseKind.All.Single(kind => kind.Name == name);

    private static async Task ReadAsync(StandInServer.Connection connection, int atLeast)
    {
        int length;
        for (int received = 0; received < atLeast && (length = await connection.ReadAsync()) > 0;)
        {
            received += length;
        }
    }

    private static async Task CloseWhenAsync(StandInServer.Connection connection, CancellationToken close)
    {
        await Task.Delay(Timeout.Infinite, close).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Assert.That(connection.Socket.Available, Is.Zero, "bytes behind those expected");
        connection.Socket.Dispose();
    }

    private static void AssertStampedNow(byte[] packet) =>
        Assert.That(BitConverter.ToUInt32(packet, 3), Is.EqualTo(DateTimeOffset.UtcNow.ToUnixTimeSeconds()).Within(60));

    /// <summary>Returns a copy with the times of its packets cleared; 64 bytes are two packets, everything else one.</summary>
    private static byte[] WithoutTime(byte[] bytes)
    {
        byte[] copy = [.. bytes];
        copy.AsSpan(3, 4).Clear();
        if (copy.Length == 64)
        {
            copy.AsSpan(32 + 3, 4).Clear();
        }

        return copy;
    }
}
