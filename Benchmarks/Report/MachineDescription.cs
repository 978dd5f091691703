using System.Globalization;
using System.Runtime.InteropServices;

namespace DotNettyFraming.Benchmarks.Report;

/// <summary>The machine of a measurement.</summary>
internal static class MachineDescription
{
    /// <summary>Returns processor, memory, kernel, runtime and date, one item each.</summary>
    public static IReadOnlyList<string> Lines(DateTimeOffset now) =>
    [
        $"{Environment.ProcessorCount} processors, {Processor()}, {RuntimeInformation.OSArchitecture}",
        string.Create(CultureInfo.InvariantCulture, $"{GC.GetGCMemoryInfo().TotalAvailableMemoryBytes >> 20} MiB of memory"),
        $"{RuntimeInformation.OSDescription}, kernel {Environment.OSVersion.Version}",
        RuntimeInformation.FrameworkDescription,
        string.Create(CultureInfo.InvariantCulture, $"{now:yyyy-MM-dd}"),
    ];

    private static string Processor()
    {
        const string Model = "model name";
        string? line = File.Exists("/proc/cpuinfo")
            ? File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith(Model, StringComparison.Ordinal))
            : null;
        return line?.Split(':', 2)[1].Trim() ?? "unknown processor";
    }
}
