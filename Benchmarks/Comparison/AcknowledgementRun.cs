using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using DotNettyFraming.Benchmarks.Report;
using DotNettyFraming.Benchmarks.Senders;
using DotNettyFraming.Hosting;

namespace DotNettyFraming.Benchmarks.Comparison;

/// <summary>The load <c>ack</c>: this server at each level of acknowledgement, with the load client at the other end.</summary>
internal sealed class AcknowledgementRun(ComparisonPlan plan, Action<string> progress)
{
    private const int Connections = 100;
    private const int PacketsPerSecond = 10_000;
    private const string Forwarded = "forwarded";

    private string[] _levels = ["none", "processed", "stored", Forwarded];
    private readonly List<(string Level, double PerSecond, double? P99)> _runs = [];

    /// <summary>Measures each level in turn, in rounds, and returns the table.</summary>
    public async Task<ReportTable> RunAsync()
    {
        for (int round = 1; round <= plan.Rounds; round++)
        {
            progress($"acknowledgements, round {round} of {plan.Rounds}");
            foreach (string level in _levels)
            {
                try
                {
                    await MeasureAsync(level);
                }
                catch (Win32Exception) when (level == Forwarded)
                {
                    progress($"{Forwarded} is left out: there is no `redis-server` on the path (Debian: apt-get install redis-server)");
                    _levels = [.. _levels.Where(other => other != Forwarded)];
                }
            }
        }

        return new ReportTable(
            "Acknowledgements",
            $"{Connections} connections, packets of 32 bytes, the load client at the other end. Packets per second as fast as the server "
                + "accepts, until the last acknowledgement; p99 from when a packet was due to its acknowledgement, at "
                + $"{PacketsPerSecond} packets per second. Forwarded: to a Redis on this machine that fsyncs before it replies. "
                + "Median (minimum–maximum) over the rounds.",
            ["Level", "packets per second", "p99 due → acknowledged"],
            [.. _levels.Select(level => (IReadOnlyList<string>)
            [
                level,
                Quantity.Spread(Of(level, run => run.PerSecond), Quantity.Rate),
                Quantity.Spread(Of(level, run => run.P99), microseconds => Quantity.Time(1000 * microseconds)),
            ])]);
    }

    private Statistics? Of(string level, Func<(string Level, double PerSecond, double? P99), double?> figure) =>
        Statistics.Of(_runs.Where(run => run.Level == level).Select(figure).OfType<double>());

    private async Task MeasureAsync(string level)
    {
        DirectoryInfo store = Directory.CreateTempSubdirectory("framing-ack-");
        try
        {
            string[] acknowledge = level == "none" ? [] : ["--ack", level, "--ack-interval", "0"];
            string[] keep = level is "stored" or Forwarded ? ["--store", store.FullName] : [];
            using Redis? redis = level == Forwarded ? await Redis.StartAsync(store.CreateSubdirectory("redis").FullName) : null;
            string[] forward = redis is null ? [] : ["--forward", $"redis://127.0.0.1:{redis.Port}"];
            using ServerProcess server = await ServerProcess.StartAsync(
                Contestants.Ours(level, "", [.. acknowledge, .. keep, .. forward]));
            string[] read = level == "none" ? [] : ["--ack"];
            Report full = await SendAsync(server.Port, read);
            Report? paced = level == "none"
                ? null
                : await SendAsync(server.Port, [.. read, "--rate", PacketsPerSecond.ToString(CultureInfo.InvariantCulture)]);
            _runs.Add((level, full.PerSecond, paced?.LatencyMicroseconds.Acknowledgement.P99));
            await server.StopAsync();
        }
        finally
        {
            store.Delete(recursive: true);
        }
    }

    private async Task<Report> SendAsync(int port, string[] options)
    {
        (ChildRun run, Report? report) = await LoadClientProcess.RunAsync<Report>(
            BuiltPrograms.LoadClient, port, Connections, TimeSpan.FromSeconds(plan.Seconds), options);
        return run.ExitCode == ExitCode.Success && report is not null
            ? report
            : throw new StartupException($"the load client failed with exit code {run.ExitCode}: {run.Errors.Trim()}");
    }

    /// <summary>The fields read from the load client's <c>--json</c>.</summary>
    private sealed record Report(PacketCounts Packets, Latencies LatencyMicroseconds, double ConnectSeconds, Sample[] Series)
    {
        /// <summary>Packets per second until the last acknowledgement; without acknowledgements, until the last packet.</summary>
        public double PerSecond => Packets.Acknowledged is { } acknowledged
            ? acknowledged / (Series[^1].AtSeconds - ConnectSeconds)
            : Packets.PerSecond;
    }

    private sealed record PacketCounts(double PerSecond, long? Acknowledged);

    private sealed record Latencies(Latency Acknowledgement);

    private sealed record Latency(double P99);

    private sealed record Sample(double AtSeconds);

    /// <summary>A Redis server that fsyncs before it replies.</summary>
    private sealed class Redis : IDisposable
    {
        private readonly Process _process;

        private Redis(Process process, int port)
        {
            _process = process;
            Port = port;
        }

        public int Port { get; }

        /// <summary>Starts a server and waits until it is ready.</summary>
        /// <exception cref="Win32Exception">It is not installed.</exception>
        public static async Task<Redis> StartAsync(string folder)
        {
            int port;
            using (var listener = new TcpListener(IPAddress.Loopback, 0))
            {
                listener.Start();
                port = ((IPEndPoint)listener.LocalEndpoint).Port;
            }

            var start = new ProcessStartInfo("redis-server",
            [
                "--port", $"{port}", "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "yes", "--appendfsync", "always",
            ])
            {
                RedirectStandardOutput = true,
            };
            var redis = new Redis(Process.Start(start)!, port);
            while (await redis._process.StandardOutput.ReadLineAsync() is { } line)
            {
                if (line.Contains("Ready to accept connections", StringComparison.Ordinal))
                {
                    _ = redis._process.StandardOutput.ReadToEndAsync(); // it would block on a full pipe
                    return redis;
                }
            }

            redis.Dispose();
            throw new StartupException("redis-server ended before it was ready");
        }

        public void Dispose()
        {
            _process.Kill();
            _process.WaitForExit();
            _process.Dispose();
        }
    }
}
