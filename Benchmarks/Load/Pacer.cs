using System.Diagnostics;
using DotNettyFraming.Benchmarks.Interop;

namespace DotNettyFraming.Benchmarks.Load;

/// <summary>The timetable of sweeps: an open loop, which does not wait for a slow server.</summary>
/// <remarks>
/// Sleeps until a sweep is due, so that it leaves both cores to the server; a timer slack of 1 ns lets the kernel wake it in time
/// (50 µs by default). One thread's: the slack is the thread's own.
/// </remarks>
internal sealed unsafe class Pacer
{
    private const int ClockMonotonic = 1; // what Stopwatch reads on Linux, in nanoseconds
    private const int AbsoluteTime = 1;
    private const int SetTimerSlack = 29;
    private const long LateNanoseconds = 1_000_000;

    private readonly long _start;
    private readonly double _interval;

    /// <summary>Starts the timetable now.</summary>
    /// <param name="sweepsASecond">Above 0.</param>
    public Pacer(double sweepsASecond)
    {
        _ = Libc.ProcessControl(SetTimerSlack, 1, 0, 0, 0);
        _interval = 1e9 / sweepsASecond;
        _start = Stopwatch.GetTimestamp();
    }

    /// <summary>Sweeps that began more than a millisecond behind their time.</summary>
    public long Late { get; private set; }

    /// <summary>Waits until a sweep is due.</summary>
    /// <param name="sweep">The sweep's number, from 0.</param>
    public void WaitFor(long sweep)
    {
        long due = _start + (long)(sweep * _interval);
        long now = Stopwatch.GetTimestamp();
        if (now - due > LateNanoseconds)
        {
            Late++;
        }

        if (now < due)
        {
            var until = new Libc.TimeSpecification { Nanoseconds = due };
            while (Libc.ClockSleep(ClockMonotonic, AbsoluteTime, &until, null) == Libc.Interrupted)
            {
            }
        }
    }
}
