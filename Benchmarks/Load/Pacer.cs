using System.Diagnostics;
using DotNettyFraming.Benchmarks.Interop;

namespace DotNettyFraming.Benchmarks.Load;

/// <summary>The timetable of sweeps: an open loop that does not wait for a slow server.</summary>
/// <remarks>
/// It sleeps until a sweep is due and leaves the cores to the server. A timer slack of 1 ns (default 50 µs) makes the kernel
/// wake it in time. Slack belongs to a thread, so the pacer stays on one.
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
    public Pacer(double sweepsPerSecond)
    {
        _ = Libc.ProcessControl(SetTimerSlack, 1, 0, 0, 0);
        _interval = 1e9 / sweepsPerSecond;
        _start = Stopwatch.GetTimestamp();
    }

    /// <summary>The number of sweeps that started more than one millisecond late.</summary>
    public long Late { get; private set; }

    /// <summary>Waits until a sweep is due; sweeps count from 0.</summary>
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
