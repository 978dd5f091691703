using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using DotNettyFraming.Tests.Harness;

namespace DotNettyFraming.Tests.Programs;

/// <summary>FAULTS 44: health checks are answered during attacks on the admin port.</summary>
[CancelAfter(90_000)]
public sealed class HealthUnderAttackTests
{
    private static readonly byte[] Metrics = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"u8.ToArray();
    private static readonly byte[] Silent = "GET /he"u8.ToArray();

    [Test]
    public async Task Health_is_answered_next_to_connections_that_stay_open([Values(64, 200)] int connections, [Values] bool silent)
    {
        (ProgramRun run, _, Uri admin) = await ProgramRun.StartWithAdminAsync();
        using ProgramRun server = run;
        Socket[] others = await Task.WhenAll(Enumerable.Range(0, connections).Select(async _ =>
        {
            Socket socket = await ConnectAsync(admin);
            await socket.SendAsync(silent ? Silent : Metrics);
            return socket;
        }));
        await ProbeAsync(admin); // the first time compiles the code

        TimeSpan[] took = [await ProbeAsync(admin), await ProbeAsync(admin), await ProbeAsync(admin)];

        Assert.That(took.Min().TotalMilliseconds, Is.LessThan(200));
        Array.ForEach(others, socket => socket.Dispose());
    }

    [Test]
    public async Task Health_is_answered_within_200_ms_during_a_flood()
    {
        (ProgramRun run, _, Uri admin) = await ProgramRun.StartWithAdminAsync();
        using ProgramRun server = run;
        using var end = new CancellationTokenSource();
        Task[] flooders = [.. Enumerable.Range(0, 60).Select(_ => FloodAsync(admin, end.Token))];
        for (int i = 0; i < 5; i++)
        {
            await ProbeAsync(admin);
        }

        var took = new List<TimeSpan>();
        for (int i = 0; i < 15; i++)
        {
            took.Add(await ProbeAsync(admin));
        }

        await end.CancelAsync();
        await Task.WhenAll(flooders).WaitAsync(Peer.Patience);
        TestContext.Out.WriteLine(string.Join(' ', took.Select(time => $"{time.TotalMilliseconds:0}")));
        Assert.That(took.Order().ElementAt(7).TotalMilliseconds, Is.LessThan(200), "the median, since the flooders share the CPUs");
    }

    /// <summary>Checks the health as a load balancer does, over a new connection, and returns the time.</summary>
    private static async Task<TimeSpan> ProbeAsync(Uri admin)
    {
        long start = Stopwatch.GetTimestamp();
        using var timeout = new CancellationTokenSource(Peer.Patience);
        using Socket socket = await ConnectAsync(admin);
        await socket.SendAsync("GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"u8.ToArray(), timeout.Token);
        var answer = new StringBuilder();
        byte[] buffer = new byte[1024];
        for (int count; (count = await socket.ReceiveAsync(buffer, timeout.Token)) > 0;)
        {
            answer.Append(Encoding.Latin1.GetString(buffer, 0, count));
        }

        Assert.That(answer.ToString(), Does.StartWith("HTTP/1.1 200 OK").And.EndsWith("alive\n").And.Contain("Connection: close"));
        return Stopwatch.GetElapsedTime(start);
    }

    private static async Task FloodAsync(Uri admin, CancellationToken end)
    {
        byte[] buffer = new byte[64 * 1024];
        while (!end.IsCancellationRequested)
        {
            try
            {
                using Socket socket = await ConnectAsync(admin);
                await socket.SendAsync(Metrics, end);
                await socket.ReceiveAsync(buffer, end);
            }
            catch (Exception e) when (e is SocketException or OperationCanceledException)
            {
                // Closed by the server, or the flood is over.
            }
        }
    }

    private static async Task<Socket> ConnectAsync(Uri admin)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, admin.Port));
        return socket;
    }
}
