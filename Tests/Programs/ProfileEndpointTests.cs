using System.Diagnostics;
using System.Net;
using DotNettyFraming.Tests.Harness;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Programs;

/// <summary>Profiles of a running server, fetched over HTTP and by <c>go tool pprof URL</c>.</summary>
[CancelAfter(90_000)]
[Category("Slow")]
public sealed class ProfileEndpointTests
{
    private static readonly HttpClient Http = new() { Timeout = Peer.Patience };

    [Test]
    public async Task Go_tool_pprof_fetches_allocations_and_the_heap()
    {
        string go = InstalledProgram.Find("go");
        (ProgramRun run, IPEndPoint endpoint, Uri admin) = await ProgramRun.StartWithAdminAsync();
        using ProgramRun server = run;
        using var enough = new CancellationTokenSource();
        Task load = LoadAsync(endpoint, enough.Token);

        string allocations = await PprofAsync(go, new Uri(admin, "/debug/pprof/allocs?seconds=2"));
        string heap = await PprofAsync(go, new Uri(admin, "/debug/pprof/heap"));
        await enough.CancelAsync();
        await load;

        Assert.Multiple(() =>
        {
            Assert.That(allocations, Does.Contain("Type: alloc_space").And.Contain("DotNettyFraming.Codec.PacketDecoder"));
            Assert.That(heap, Does.Contain("Type: inuse_space").And.Contain("System.Byte[]"));
        });
        await server.StopAsync();
    }

    [Test]
    public async Task Seconds_out_of_range_are_one_line()
    {
        (ProgramRun run, _, Uri admin) = await ProgramRun.StartWithAdminAsync();
        using ProgramRun server = run;

        foreach (string seconds in new[] { "0", "-1", "601", "five" })
        {
            using HttpResponseMessage answer = await Http.GetAsync(new Uri(admin, $"/debug/pprof/allocs?seconds={seconds}"));

            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest), seconds);
            Assert.That(await answer.Content.ReadAsStringAsync(), Is.EqualTo("seconds: is no integer from 1 to 600\n"), seconds);
        }
    }

    [TestCase("cross-site", HttpStatusCode.Forbidden)]
    [TestCase("same-site", HttpStatusCode.Forbidden)]
    [TestCase("same-origin", HttpStatusCode.OK)]
    [TestCase("none", HttpStatusCode.OK)]
    public async Task Profile_is_refused_to_pages_of_other_sites(string site, HttpStatusCode expected)
    {
        (ProgramRun run, _, Uri admin) = await ProgramRun.StartWithAdminAsync();
        using ProgramRun server = run;

        Assert.That(await AskAsync("debug/pprof/heap"), Is.EqualTo(expected));
        Assert.That(await AskAsync("health/live"), Is.EqualTo(HttpStatusCode.OK), "health is not refused");

        async Task<HttpStatusCode> AskAsync(string path)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(admin, path));
            request.Headers.Add("Sec-Fetch-Site", site);
            using HttpResponseMessage answer = await Http.SendAsync(request);
            return answer.StatusCode;
        }
    }

    [Test]
    public async Task Second_recording_is_refused_until_the_first_caller_leaves()
    {
        (ProgramRun run, _, Uri admin) = await ProgramRun.StartWithAdminAsync();
        using ProgramRun server = run;
        using var leave = new CancellationTokenSource();
        Task<HttpResponseMessage> first = RecordAsync();
        Eventually.That(
            () =>
            {
                // If this one came before the first, the first was refused and starts again.
                HttpStatusCode status = Status(new Uri(admin, "/debug/pprof/allocs?seconds=1"));
                first = first.IsCompleted ? RecordAsync() : first;
                return status;
            },
            Is.EqualTo(HttpStatusCode.ServiceUnavailable));
        await leave.CancelAsync();
        Eventually.That(() => Status(new Uri(admin, "/debug/pprof/heap")), Is.EqualTo(HttpStatusCode.OK));
        Assert.That(async () => await first, Throws.InstanceOf<OperationCanceledException>());

        Task<HttpResponseMessage> RecordAsync() => Http.GetAsync(new Uri(admin, "/debug/pprof/allocs?seconds=600"), leave.Token);
    }

    [Test]
    public async Task Heap_profile_is_refused_for_ten_times_its_duration()
    {
        (ProgramRun run, _, Uri admin) = await ProgramRun.StartWithAdminAsync();
        using ProgramRun server = run;
        long start = Stopwatch.GetTimestamp();
        Assert.That(Status(new Uri(admin, "/debug/pprof/heap")), Is.EqualTo(HttpStatusCode.OK));
        TimeSpan took = Stopwatch.GetElapsedTime(start);

        using HttpResponseMessage second = await Http.GetAsync(new Uri(admin, "/debug/pprof/heap"));
        HttpStatusCode allocations = Status(new Uri(admin, "/debug/pprof/allocs?seconds=1"));

        Assert.Multiple(() =>
        {
            Assert.That(second.StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable));
            Assert.That(second.Headers.RetryAfter?.Delta?.TotalSeconds, Is.InRange(1, Math.Ceiling(10 * took.TotalSeconds)));
            Assert.That(allocations, Is.EqualTo(HttpStatusCode.OK), "allocation profiles are cheap");
        });
    }

    // Two servers with process id 1 and a shared temporary directory, as in containers: only the first has connections.
    [Test]
    [Platform("Linux")]
    public async Task Profile_is_of_the_requested_process_not_of_one_with_the_same_id()
    {
        string unshare = InstalledProgram.Find("unshare", "util-linux");
        string directory = Directory.CreateTempSubdirectory("shared-tmp-").FullName;
        try
        {
            (ProgramRun first, IPEndPoint endpoint, Uri admin) = await StartAsync();
            using ProgramRun older = first;
            (ProgramRun second, _, Uri otherAdmin) = await StartAsync();
            using ProgramRun newer = second;
            Peer[] peers = await Task.WhenAll(Enumerable.Range(0, 7).Select(_ => Peer.ConnectAsync(endpoint)));
            Eventually.That(() => AdminStatistics.Read(admin)["connections.open"], Is.EqualTo(7));

            Assert.That(await ConnectionsAsync(admin), Is.EqualTo(7));
            Assert.That(await ConnectionsAsync(otherAdmin), Is.Zero);
            Array.ForEach(peers, peer => peer.Dispose());
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }

        async Task<(ProgramRun Run, IPEndPoint Endpoint, Uri Admin)> StartAsync()
        {
            ProgramRun run = ProgramRun.StartFile(
                unshare,
                [
                    "--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "--kill-child",
                    Repository.Program("Server"), "--port", "0", "--log-directory", "none", "--admin", "127.0.0.1:0",
                ],
                ("TMPDIR", directory));
            IPEndPoint data;
            try
            {
                (run, data) = await ProgramRun.ListeningAsync(run);
            }
            catch (AssertionException) when (run.Everything().Contains("unshare:", StringComparison.Ordinal))
            {
                Assert.Ignore($"no namespaces here: {run.Everything()}");
                throw;
            }

            return (run, data, await run.AdminAsync());
        }

        static async Task<long> ConnectionsAsync(Uri admin)
        {
            var profile = new PprofFile(await Http.GetByteArrayAsync(new Uri(admin, "debug/pprof/heap")));
            return profile.Flat("DotNettyFraming.Server.Pipeline.Connection").Objects;
        }
    }

    private static HttpStatusCode Status(Uri address)
    {
        using HttpResponseMessage answer = Http.Send(new HttpRequestMessage(HttpMethod.Get, address));
        return answer.StatusCode;
    }

    /// <summary>Sends packets in two pieces, so that the decoder allocates.</summary>
    private static async Task LoadAsync(IPEndPoint endpoint, CancellationToken enough)
    {
        using Peer peer = await Peer.ConnectAsync(endpoint);
        byte[] packet = OfLength(60_000);
        while (!enough.IsCancellationRequested)
        {
            await peer.SendAsync(packet.AsMemory(..30_000));
            await peer.SendAsync(packet.AsMemory(30_000..));
        }
    }

    private static async Task<string> PprofAsync(string go, Uri address)
    {
        ToolRun pprof = await ToolRun.RunAsync(
            go,
            ["tool", "pprof", "-timeout=50", "-top", "-nodecount=40", $"{address}"],
            patience: TimeSpan.FromSeconds(60),
            environment: ("PPROF_TMPDIR", Path.GetTempPath()));
        Assert.That(pprof.ExitCode, Is.Zero, pprof.Errors);
        return pprof.Output;
    }
}
