using System.Diagnostics;
using System.Net;
using DotNettyFraming.Benchmarks.Comparison;
using DotNettyFraming.Tests.Harness;
using DotNettyFraming.Tests.Server.Storage;

namespace DotNettyFraming.Tests.Programs;

/// <summary>The store's cost in throughput, CPU time and bytes written.</summary>
[Category("Slow")]
[NonParallelizable]
[CancelAfter(600_000)]
public sealed class StoreBarTests
{
    private static readonly string[] WithoutStore = ["--ack", "processed", "--ack-interval", "0"];

    [Test]
    public async Task Thousand_connections_with_one_packet_in_flight_keep_most_of_their_rate()
    {
        Scale.RequireFull();
        Machine.RequireConnections(1000);
        using var directory = new TemporaryDirectory();
        CProgram client = await CProgram.CompileAsync("Programs/one-in-flight.c", directory.Path);
        var ratios = new List<double>();
        for (int round = 5; round > 0; round--)
        {
            double without = await RateAsync(client, WithoutStore);
            double with = await RateAsync(client, WithStore(directory.Path));
            TestContext.Out.WriteLine($"{with:F0} packets/s stored, {without:F0} processed: {with / without:F2}");
            ratios.Add(with / without);
        }

        Assert.That(Statistics.Of(ratios)!.Median, Is.GreaterThanOrEqualTo(0.7));
    }

    [Test]
    public async Task Acknowledgement_of_one_packet_takes_at_most_three_bare_commits()
    {
        Scale.RequireFull();
        using var directory = new TemporaryDirectory();
        CProgram bare = await CProgram.CompileAsync(StoreThroughputTests.BareCommits, directory.Path);
        (ProgramRun server, IPEndPoint endpoint) = await ProgramRun.StartServerAsync(
            [.. WithStore(directory.Path), "--store-commit-interval", "0"]);
        using ProgramRun run = server;
        using Peer peer = await Peer.ConnectAsync(endpoint);
        await MicrosecondsAsync(peer); // compiles the server's code
        var ratios = new List<double>();
        for (int round = 5; round > 0; round--)
        {
            double floor = (await bare.RunAsync(Path.Combine(directory.Path, "bare"), "32", "300"))[1];
            double acknowledged = await MicrosecondsAsync(peer);
            TestContext.Out.WriteLine($"{acknowledged:F0} us, bare {floor:F0} us: {acknowledged / floor:F2}");
            ratios.Add(acknowledged / floor);
        }

        Assert.That(Statistics.Of(ratios)!.Median, Is.LessThanOrEqualTo(3));
    }

    [Test]
    public async Task Store_takes_little_CPU_time_per_packet_at_64_per_read()
    {
        Scale.RequireFull();
        using var directory = new TemporaryDirectory();
        var differences = new List<double>();
        for (int round = 5; round > 0; round--)
        {
            double without = await NanosecondsAsync(WithoutStore);
            double with = await NanosecondsAsync(WithStore(directory.Path));
            TestContext.Out.WriteLine($"{with:F0} ns per packet stored, {without:F0} processed: {with - without:F0} more");
            differences.Add(with - without);
        }

        Assert.That(Statistics.Of(differences)!.Median, Is.LessThanOrEqualTo(100));
    }

    [Test]
    public async Task Twenty_thousand_packets_per_second_write_at_most_6_bytes_per_byte()
    {
        Machine.RequireLinux("/proc/PID/io");
        using var directory = new TemporaryDirectory();
        (ProgramRun server, IPEndPoint endpoint) = await ProgramRun.StartServerAsync(WithStore(directory.Path));
        using (server)
        {
            long before = Written(server);
            await LoadAsync(endpoint, "--connections", "1000", "--rate", "20000", "--duration", Scale.Of(gate: 5, full: 60) + "s");
            long written = Written(server) - before;
            Dictionary<string, long> counters = await server.StopAsync();
            double perByte = (double)written / counters["bytes.received"];
            double rate = (double)counters["packets.received"] / Scale.Of(gate: 5, full: 60);
            TestContext.Out.WriteLine(
                $"{perByte:F2} bytes written per byte received, {rate:F0} packets/s, {counters["store.commits"]} commits");
            Assert.That(counters["store.packets"], Is.EqualTo(counters["packets.received"]));
            Assert.That(perByte, Is.LessThanOrEqualTo(6));
        }
    }

    private static string[] WithStore(string directory) =>
        ["--store", Path.Combine(directory, $"{Guid.NewGuid():N}"), "--ack", "stored", "--ack-interval", "0"];

    private static async Task<double> RateAsync(CProgram client, string[] options)
    {
        (ProgramRun server, IPEndPoint endpoint) = await ProgramRun.StartServerAsync(options);
        using (server)
        {
            return (await client.RunAsync($"{endpoint.Port}", "1000", "5"))[0];
        }
    }

    /// <summary>Returns the median from sending a packet to its acknowledgement, one at a time.</summary>
    private static async Task<double> MicrosecondsAsync(Peer peer)
    {
        var took = new List<double>();
        for (int i = 0; i < 300; i++)
        {
            long start = Stopwatch.GetTimestamp();
            await peer.SendAsync(Packets.Article);
            await peer.ReceiveAsync(15);
            took.Add(Stopwatch.GetElapsedTime(start).TotalMicroseconds);
        }

        return Statistics.Of(took)!.Median;
    }

    /// <summary>Returns the server's CPU time per packet.</summary>
    private static async Task<double> NanosecondsAsync(string[] options)
    {
        (ProgramRun server, IPEndPoint endpoint) = await ProgramRun.StartServerAsync(options);
        using (server)
        {
            string[] load = ["--connections", "100", "--packets-per-write", "64", "--rate", "1000000"];
            await LoadAsync(endpoint, [.. load, "--packets", "1000000"]); // compiles the server's code
            TimeSpan before = server.ProcessorTime();
            await LoadAsync(endpoint, [.. load, "--packets", "8000000"]);
            TimeSpan took = server.ProcessorTime() - before;
            Dictionary<string, long> counters = await server.StopAsync();
            return took.TotalNanoseconds / (counters["packets.processed"] - 1_000_000);
        }
    }

    private static async Task LoadAsync(IPEndPoint endpoint, params string[] options)
    {
        using ProgramRun client = ProgramRun.Start("LoadClient", ["--port", $"{endpoint.Port}", "--ack", .. options]);
        Assert.That(await client.ExitAsync(TimeSpan.FromMinutes(3)), Is.Zero, client.Everything);
    }

    private static long Written(ProgramRun server) =>
        long.Parse(File.ReadLines($"/proc/{server.Id}/io").Single(line => line.StartsWith("write_bytes: ")).Split(' ')[1]);
}
