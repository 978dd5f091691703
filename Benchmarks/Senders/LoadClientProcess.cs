using System.Globalization;
using System.Text.Json;
using DotNettyFraming.Benchmarks.Load;
using DotNettyFraming.Hosting;

namespace DotNettyFraming.Benchmarks.Senders;

/// <summary>The load client's executable with one event loop, since the <see cref="FloorSender"/> has one thread.</summary>
internal sealed class LoadClientProcess(string program) : ISender
{
    /// <summary>The load client's exit code if some connections failed; its report has the number.</summary>
    private const int SomeConnectionsFailed = 4;

    private static readonly TimeSpan Overhead = TimeSpan.FromMinutes(1);

    public string Name => "load client";

    public async Task<SenderReading> SendAsync(int port, Workload load, TimeSpan duration)
    {
        (ChildRun run, Report? read) = await RunAsync<Report>(
            program,
            port,
            load.Connections,
            duration,
            "--packets-per-write", Text(load.PacketsPerWrite),
            "--payload-bytes", Text(load.PayloadBytes),
            "--transport", "epoll",
            "--event-loops", "1");
        return run.ExitCode is ExitCode.Success or SomeConnectionsFailed && read is { } report
            ? new SenderReading(
                report.Packets.Sent,
                report.Seconds,
                CpuSeconds: null,
                report.Connections.Requested - report.Connections.Connected,
                report.ConnectSeconds,
                run.PeakResidentBytes)
            : throw new StartupException($"the {Name} failed with {load.Name}: {run.Errors.Trim()}");
    }

    /// <summary>Runs a load client, and reads fields of its report; null if it wrote none.</summary>
    public static async Task<(ChildRun Run, T? Report)> RunAsync<T>(
        string program, int port, int connections, TimeSpan duration, params string[] options)
        where T : class
    {
        string file = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            ChildRun run = await ChildRun.RunAsync(
                program,
                [
                    "--port", Text(port), "--connections", Text(connections), "--duration", Text(duration.TotalMilliseconds) + "ms",
                    "--log-directory", "none", "--json", file, .. options,
                ],
                duration + Overhead);
            return (run, File.Exists(file)
                ? JsonSerializer.Deserialize<T>(await File.ReadAllBytesAsync(file), JsonSerializerOptions.Web)
                : null);
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static string Text(double number) => number.ToString("0", CultureInfo.InvariantCulture);

    /// <summary>The fields read from the load client's <c>--json</c>.</summary>
    private sealed record Report(ConnectionCounts Connections, PacketCounts Packets, double Seconds, double ConnectSeconds);

    private sealed record ConnectionCounts(int Requested, int Connected);

    private sealed record PacketCounts(long Sent);
}
