using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using DotNettyFraming.Tests.Harness;
using DotNettyFraming.Tests.LoadClient;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Programs;

/// <summary>FAULTS 29: statistics under load are exact, and abuse of the admin port does not affect the data port.</summary>
[CancelAfter(150_000)]
[Category("Slow")]
public sealed class AdminUnderLoadTests
{
    private static readonly HttpClient Http = new() { Timeout = Peer.Patience };

    [Test]
    public async Task Ten_thousand_connections_are_verified_against_the_server(CancellationToken cancel)
    {
        Machine.RequireConnections(10_000);
        (ProgramRun run, IPEndPoint endpoint, Uri admin) = await ProgramRun.StartWithAdminAsync();
        using ProgramRun server = run;

        ClientRun client = await ClientRun.AgainstAsync(endpoint.Port, $"--connections 10000 --packets 500000 --verify {admin}", cancel);

        Assert.That(client.ExitCode, Is.Zero, client.Output + client.Error);
        Assert.That(client.Output, Does.Contain("verified: 500000 packets"));
        Assert.That(client.Number("connections.connected"), Is.EqualTo(10_000));
    }

    // Each hostile kind but oversize, whose limit would be exceeded by the slow kinds as well.
    [Test]
    public async Task Identities_hold_at_rest_after_ten_million_packets_among_hostile_peers(CancellationToken cancel)
    {
        string[] kinds = ["bad-prefix", "bad-prefix-late", "slow-loris", "half-packet", "reset", "connect-flood", "random-bytes"];
        (ProgramRun run, IPEndPoint endpoint, Uri admin) = await ProgramRun.StartWithAdminAsync("--packet-timeout", "1s");
        using ProgramRun server = run;

        foreach (string kind in kinds)
        {
            ClientRun client = await ClientRun.AgainstAsync(
                endpoint.Port,
                "--connections 50 --duration 1s --packets-per-write 500 "
                + $"--abuse {kind} --abuse-connections 200 --abuse-deadline 20s",
                cancel);
            Assert.That(client.ExitCode, Is.Zero, kind + client.Output + client.Error);
        }

        var s = AdminStatistics.Read(admin);
        Eventually.That(() => (s = AdminStatistics.Read(admin))["connections.open"], Is.Zero);
        JsonElement closed = s.Json.GetProperty("connections").GetProperty("closed");
        Assert.Multiple(() =>
        {
            Assert.That(s["packets.received"], Is.AtLeast(10_000_000));
            Assert.That(s["packets.processed"] + s["packets.dropped"], Is.EqualTo(s["packets.received"]));
            Assert.That(
                (7 * s["packets.received"]) + s["bytes.payload"] + s["bytes.discarded"] + s["bytes.unfinished"],
                Is.EqualTo(s["bytes.received"]));
            Assert.That(closed.EnumerateObject().Sum(reason => reason.Value.GetInt64()), Is.EqualTo(s["connections.accepted"]));
            Assert.That(s["bytes.unfinished"], Is.Zero);
            Assert.That(closed.GetProperty("InvalidPrefix").GetInt64(), Is.AtLeast(400));
            Assert.That(closed.GetProperty("PacketTimeout").GetInt64(), Is.AtLeast(400));
        });
    }

    [Test]
    [Platform("Linux")]
    public async Task Abused_admin_port_leaves_the_data_port_alone()
    {
        const int Visits = 120; // at least 6 s: in a shorter run most CPU time goes into compiling
        (ProgramRun run, IPEndPoint endpoint, Uri admin) = await ProgramRun.StartWithAdminAsync();
        using ProgramRun server = run;
        var port = new IPEndPoint(IPAddress.Loopback, admin.Port);
        await Http.GetStringAsync(new Uri(admin, "metrics"));
        long residentBefore = server.ResidentKiB();
        TimeSpan cpuBefore = server.ProcessorTime();
        using var end = new CancellationTokenSource();
        int answers = 0;
        long start = Stopwatch.GetTimestamp();
        byte[] scrape = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"u8.ToArray();
        Task[] attackers =
        [
            .. Attack(30, "GET / HTTP/1.1\r\nHost: localhost\r\nX: "u8.ToArray(), "x"u8.ToArray(), TimeSpan.FromMilliseconds(50)),
            .. Attack(4, "GET / HTTP/1.1\r\nX: "u8.ToArray(), new byte[64 * 1024], TimeSpan.FromMilliseconds(1)),
            .. Attack(
                4,
                "POST /api/stats HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n"u8.ToArray(),
                new byte[64 * 1024],
                TimeSpan.FromMilliseconds(1)),
            .. Attack(8, scrape, scrape, TimeSpan.FromMilliseconds(1)),
        ];

        var longest = TimeSpan.Zero;
        for (int i = 0; i < Visits; i++)
        {
            long started = Stopwatch.GetTimestamp();
            using Peer peer = await Peer.ConnectAsync(endpoint);
            await peer.SendAsync(Glue(Repeat(Article, 10), "X"u8.ToArray()));
            await peer.ClosedByServerAsync();
            TimeSpan took = Stopwatch.GetElapsedTime(started);
            longest = took > longest ? took : longest;
            await Task.Delay(50);
        }

        await end.CancelAsync();
        await Task.WhenAll(attackers).WaitAsync(Peer.Patience);
        TimeSpan cpu = server.ProcessorTime() - cpuBefore;
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        long residentAfter = server.ResidentKiB();
        Eventually.That(() => AdminStatistics.Read(admin)["packets.processed"], Is.EqualTo(10 * Visits));
        long grownMiB = (residentAfter - residentBefore) / 1024;
        Dictionary<string, long> counters = await server.StopAsync();
        TestContext.Out.WriteLine(
            $"{cpu / TimeSpan.FromSeconds(seconds):P0} of a core, longest {longest.TotalMilliseconds:0} ms, "
            + $"{answers} answers in {seconds:0.0} s, {grownMiB} MiB more");
        Assert.Multiple(() =>
        {
            Assert.That(counters["connections.closed.InvalidPrefix"], Is.EqualTo(Visits));
            Assert.That(cpu.TotalSeconds, Is.LessThan(seconds), "seconds of CPU time, most of them for compiling");
            Assert.That(longest.TotalSeconds, Is.LessThan(5), "latency of a packet; the attackers share the CPUs");
            Assert.That(answers, Is.LessThan(100 + (26 * (seconds + 2))), "the limit of requests per second");
            Assert.That(grownMiB, Is.LessThan(64), "MiB");
            Assert.That(server.Everything(), Does.Not.Contain("   at "));
        });

        IEnumerable<Task> Attack(int attackers, byte[] first, byte[] next, TimeSpan pause) =>
            Enumerable.Range(0, attackers).Select(_ => AttackAsync(first, next, pause));

        // Connects in a loop; sends `first`, then `next` until the server closes.
        async Task AttackAsync(byte[] first, byte[] next, TimeSpan pause)
        {
            byte[] answer = new byte[64 * 1024];
            while (!end.IsCancellationRequested)
            {
                try
                {
                    using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
                    await socket.ConnectAsync(port, end.Token);
                    Task reading = ReadAsync(socket, answer);
                    await socket.SendAsync(first, end.Token);
                    while (!reading.IsCompleted)
                    {
                        await socket.SendAsync(next, end.Token);
                        await Task.Delay(pause, end.Token);
                    }

                    await reading;
                }
                catch (Exception e) when (e is SocketException or OperationCanceledException)
                {
                    // Closed by the server, as it should be, or the attack is over.
                }
            }
        }

        async Task ReadAsync(Socket socket, byte[] answer)
        {
            for (int count; (count = await socket.ReceiveAsync(answer, end.Token)) > 0;)
            {
                Interlocked.Add(ref answers, Encoding.Latin1.GetString(answer, 0, count).Split("HTTP/1.1 200").Length - 1);
            }
        }
    }
}
