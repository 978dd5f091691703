using System.Globalization;
using System.Text.Json;
using DotNettyFraming.Benchmarks.Load;
using DotNettyFraming.Hosting;

namespace DotNettyFraming.Benchmarks.Senders;

/// <summary>The <see cref="FloorSender"/> as a process: a mode of the benchmarks' executable.</summary>
internal sealed class FloorSenderProcess(string program) : ISender
{
    private static readonly TimeSpan Overhead = TimeSpan.FromMinutes(1);

    public string Name => "floor sender";

    public async Task<SenderReading> SendAsync(int port, Workload load, TimeSpan duration)
    {
        ChildRun run = await ChildRun.RunAsync(
            program,
            [
                FloorSenderProgram.Mode,
                "--port", Text(port),
                "--connections", Text(load.Connections),
                "--packets-per-write", Text(load.PacketsPerWrite),
                "--duration", Text(duration.TotalMilliseconds) + "ms",
            ],
            duration + Overhead);
        return run.ExitCode == ExitCode.Success && JsonSerializer.Deserialize<FloorSenderReport>(run.Output) is { } report
            ? new SenderReading(report.Packets, report.Seconds, report.CpuSeconds, Failed: 0, report.ConnectSeconds, run.PeakResidentBytes)
            : throw new StartupException($"the {Name} failed with {load.Name}: {run.Errors.Trim()}");
    }

    private static string Text(double number) => number.ToString("0", CultureInfo.InvariantCulture);
}
