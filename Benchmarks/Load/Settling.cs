using System.Diagnostics;
using DotNettyFraming.Benchmarks.Interop;

namespace DotNettyFraming.Benchmarks.Load;

/// <summary>Waits for an idle server: one that uses almost no CPU time.</summary>
internal static class Settling
{
    private static readonly TimeSpan CheckInterval = TimeSpan.FromMilliseconds(25);
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(10);

    /// <summary>Idle = below 5 % of one core, twice in a row; timers always use a little.</summary>
    private const int IdleChecks = 2;

    private const double IdleShare = 0.05;

    /// <summary>Waits until the server is idle, at most 10 s.</summary>
    public static void WaitFor(ProcessAccounts server)
    {
        long start = Stopwatch.GetTimestamp();
        for (int idle = 0; idle < IdleChecks && Stopwatch.GetElapsedTime(start) < MaxWait;)
        {
            long before = server.CpuNanoseconds;
            Thread.Sleep(CheckInterval);
            idle = server.CpuNanoseconds - before < CheckInterval.TotalNanoseconds * IdleShare ? idle + 1 : 0;
        }
    }
}
