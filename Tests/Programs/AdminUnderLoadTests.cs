using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using DotNettyFraming.Tests.Harness;
using DotNettyFraming.Tests.LoadClient;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Programs;

/// <summary>What the admin port tells under load is exact, and whoever abuses it harms nobody (FAULTS 29).</summary>
[CancelAfter(150_000)]
[Category("Slow")]
[NonParallelizable]
public sealed class AdminUnderLoadTests
{
    private static readonly HttpClient Http = new() { Timeout = Peer.Patience };

    [Test]
    public async Task Ten_thousand_connections_are_verified_against_the_real_endpoint(CancellationToken cancel)
    {
        (ProgramRun run, IPEndPoint endpoint, Uri admin) = await ProgramRun.StartWithAdminAsync();
        using ProgramRun server = run;

        ClientRun client = await ClientRun.AgainstAsync(endpoint.Port, $"--connections 10000 --packets 500000 --verify {admin}", cancel);

        Assert.That(client.ExitCode, Is.Zero, client.Output + client.Error);
        Assert.That(client.Output, Does.Contain("verified: 500000 packets"));
        Assert.That(client.Number("connections.connected"), Is.EqualTo(10_000));
    }

    /// <summary>Ten million packets in all, and each kind of hostile peer beside them but <c>oversize</c>, for which the limit would have to be
    /// so low that the slow ones were too large as well.</summary>
    [Test]
    [Category("Slow")]
    public async Task Identities_hold_at_rest_after_ten_million_packets_among_hostile_peers(CancellationToken cancel)
    {
        string[] kinds = ["bad-prefix", "bad-prefix-late", "slow-loris", "half-packet", "reset", "connect-flood", "random-bytes"];
        (ProgramRun run, IPEndPoint endpoint, Uri admin) = await ProgramRun.StartWithAdminAsync("--packet-timeout", "1s");
        using ProgramRun server = run;

        foreach (string kind in kinds)
        {
            ClientRun client = await ClientRun.AgainstAsync(
                endpoint.Port, $"--connections 50 --packets 1700000 --packets-per-write 500 --abuse {kind} --abuse-connections 200 --abuse-deadline 20s", cancel);
            Assert.That(client.ExitCode, Is.Zero, kind + client.Output + client.Error);
        }

        JsonElement s = default;
        Eventually.That(() => Number(s = Statistics(admin), "connections", "open"), Is.Zero);
        JsonElement closed = s.GetProperty("connections").GetProperty("closed");
        Assert.Multiple(() =>
        {
            Assert.That(Number(s, "packets", "received"), Is.AtLeast(10_000_000));
            Assert.That(Number(s, "packets", "processed") + Number(s, "packets", "dropped"), Is.EqualTo(Number(s, "packets", "received")));
            Assert.That(
                (7 * Number(s, "packets", "received")) + Number(s, "bytes", "payload") + Number(s, "bytes", "discarded") + Number(s, "bytes", "unfinished"),
                Is.EqualTo(Number(s, "bytes", "received")));
            Assert.That(closed.EnumerateObject().Sum(reason => reason.Value.GetInt64()), Is.EqualTo(Number(s, "connections", "accepted")));
            Assert.That(Number(s, "bytes", "unfinished"), Is.Zero);
            Assert.That(closed.GetProperty("InvalidPrefix").GetInt64(), Is.AtLeast(400));
            Assert.That(closed.GetProperty("PacketTimeout").GetInt64(), Is.AtLeast(400));
        });
    }

    [Test]
    [Platform("Linux")]
    public async Task Abused_admin_port_leaves_the_data_port_alone()
    {
        const int Visits = 120; // 6 s at least: in less, most of the processor's time goes into compiling
        (ProgramRun run, IPEndPoint endpoint, Uri admin) = await ProgramRun.StartWithAdminAsync();
        using ProgramRun server = run;
        var port = new IPEndPoint(IPAddress.Loopback, admin.Port);
        await Http.GetStringAsync(new Uri(admin, "metrics"));
        long residentBefore = server.ResidentKiB();
        TimeSpan cpuBefore = CpuTime(server.Id);
        using var end = new CancellationTokenSource();
        int answers = 0;
        long start = Stopwatch.GetTimestamp();
        Task[] attackers =
        [
            .. Enumerable.Range(0, 30).Select(_ => AttackAsync(port, "GET / HTTP/1.1\r\nHost: localhost\r\nX: "u8.ToArray(), "x"u8.ToArray(), TimeSpan.FromMilliseconds(50))),
            .. Enumerable.Range(0, 4).Select(_ => AttackAsync(port, "GET / HTTP/1.1\r\nX: "u8.ToArray(), new byte[64 * 1024], TimeSpan.FromMilliseconds(1))),
            .. Enumerable.Range(0, 4).Select(_ => AttackAsync(port, "POST /api/stats HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n"u8.ToArray(), new byte[64 * 1024], TimeSpan.FromMilliseconds(1))),
            .. Enumerable.Range(0, 8).Select(_ => AttackAsync(port, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"u8.ToArray(), "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"u8.ToArray(), TimeSpan.FromMilliseconds(1))),
        ];

        var longest = TimeSpan.Zero;
        for (int i = 0; i < Visits; i++)
        {
            long began = Stopwatch.GetTimestamp();
            using Peer peer = await Peer.ConnectAsync(endpoint);
            await peer.SendAsync(Glue(Repeat(Article, 10), "X"u8.ToArray()));
            await peer.ClosedByServerAsync();
            TimeSpan took = Stopwatch.GetElapsedTime(began);
            longest = took > longest ? took : longest;
            await Task.Delay(50);
        }

        await end.CancelAsync();
        await Task.WhenAll(attackers).WaitAsync(Peer.Patience);
        TimeSpan cpu = CpuTime(server.Id) - cpuBefore;
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        long residentAfter = server.ResidentKiB();
        Eventually.That(() => Number(Statistics(admin), "packets", "processed"), Is.EqualTo(10 * Visits));
        server.Signal(PosixSignal.SIGTERM);

        Assert.That(await server.ExitAsync(), Is.Zero, server.Everything);
        TestContext.Out.WriteLine($"{cpu / TimeSpan.FromSeconds(seconds):P0} of a core, longest {longest.TotalMilliseconds:0} ms, {answers} answers in {seconds:0.0} s, {(residentAfter - residentBefore) / 1024} MiB more");
        Assert.Multiple(() =>
        {
            Assert.That(server.StoppedCounters()["connections.closed.InvalidPrefix"], Is.EqualTo(Visits));
            Assert.That(cpu.TotalSeconds, Is.LessThan(seconds), "seconds of processor time, most of them to compile what is cold");
            Assert.That(longest.TotalSeconds, Is.LessThan(5), "a packet's way, the attackers on the same processors");
            Assert.That(answers, Is.LessThan(100 + (26 * (seconds + 2))), "the pace of requests");
            Assert.That((residentAfter - residentBefore) / 1024, Is.LessThan(64), "MiB");
            Assert.That(server.Everything(), Does.Not.Contain("   at "));
        });

        // Connects again and again; sends one thing, and then another over and over, as long as it is let.
        async Task AttackAsync(IPEndPoint to, byte[] first, byte[] then, TimeSpan pause)
        {
            byte[] answer = new byte[64 * 1024];
            while (!end.IsCancellationRequested)
            {
                try
                {
                    using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
                    await socket.ConnectAsync(to, end.Token);
                    Task reading = ReadAsync(socket, answer);
                    await socket.SendAsync(first, end.Token);
                    while (!reading.IsCompleted)
                    {
                        await socket.SendAsync(then, end.Token);
                        await Task.Delay(pause, end.Token);
                    }

                    await reading;
                }
                catch (Exception e) when (e is SocketException or OperationCanceledException)
                {
                    // Closed on it, as it should be; or the attack is over.
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

    private static TimeSpan CpuTime(int process)
    {
        using var running = Process.GetProcessById(process);
        return running.TotalProcessorTime;
    }

    private static JsonElement Statistics(Uri admin)
    {
        using Stream body = Http.Send(new HttpRequestMessage(HttpMethod.Get, new Uri(admin, "api/stats"))).Content.ReadAsStream();
        using var document = JsonDocument.Parse(body);
        return document.RootElement.Clone();
    }

    private static long Number(JsonElement json, string parent, string name) => json.GetProperty(parent).GetProperty(name).GetInt64();
}
