using System.Diagnostics;
using DotNettyFraming.Benchmarks.Interop;

namespace DotNettyFraming.Benchmarks.Load;

/// <summary>Waits until a server has nothing left to do, as far as one can tell from outside: it takes no CPU time.</summary>
internal static class Settling
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(25);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(10);

    /// <summary>Quiet = below a twentieth of one core, twice in a row: timers and the like go on for ever.</summary>
    private const int QuietLooks = 2;

    private const double QuietShare = 0.05;

    /// <summary>Returns when it is quiet, or after 10 s.</summary>
    public static void WaitFor(ProcessAccounts server)
    {
        long start = Stopwatch.GetTimestamp();
        for (int quiet = 0; quiet < QuietLooks && Stopwatch.GetElapsedTime(start) < Longest;)
        {
            long before = server.CpuNanoseconds;
            Thread.Sleep(Look);
            quiet = server.CpuNanoseconds - before < Look.TotalNanoseconds * QuietShare ? quiet + 1 : 0;
        }
    }
}
