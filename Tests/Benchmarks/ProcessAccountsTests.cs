using System.Diagnostics;
using System.Runtime.InteropServices;
using DotNettyFraming.Benchmarks.Interop;

namespace DotNettyFraming.Tests.Benchmarks;

/// <summary>The operating system's accounts of this process, compared with the runtime's.</summary>
[CancelAfter(30_000)]
public sealed class ProcessAccountsTests
{
    private readonly ProcessAccounts _accounts = new(Environment.ProcessId);

    [Test]
    public void Cpu_time_equals_the_runtimes()
    {
        TimeSpan before = Process.GetCurrentProcess().TotalProcessorTime;
        var read = TimeSpan.FromTicks(_accounts.CpuNanoseconds / TimeSpan.NanosecondsPerTick);
        TimeSpan after = Process.GetCurrentProcess().TotalProcessorTime;

        TimeSpan tick = TimeSpan.FromMilliseconds(20); // two clock ticks: user and system time are rounded each
        Assert.That(read, Is.InRange(before - tick, after + tick));
    }

    [Test]
    public void Cpu_time_grows_with_work()
    {
        long before = _accounts.CpuNanoseconds;
        long start = Stopwatch.GetTimestamp();
        while (_accounts.CpuNanoseconds == before)
        {
            Assert.That(Stopwatch.GetElapsedTime(start), Is.LessThan(TimeSpan.FromSeconds(10)));
        }
    }

    [Test]
    public void Sleeping_is_counted()
    {
        using var never = new ManualResetEventSlim();
        bool Counted()
        {
            long before = _accounts.Sleeps;
            never.Wait(TimeSpan.FromMilliseconds(5));
            return _accounts.Sleeps > before;
        }

        // Repeated: a thread that ends in the meantime takes its count with it.
        Assert.That(Enumerable.Range(0, 100).Any(_ => Counted()), Is.True);
    }

    [Test]
    public void Resident_memory_equals_the_runtimes() =>
        Assert.That(_accounts.ResidentBytes, Is.EqualTo(Environment.WorkingSet).Within(20).Percent);

    [Test]
    public void Peak_of_resident_memory_stays_after_memory_is_freed()
    {
        const int Bytes = 64 << 20;
        const int Page = 4096;
        long before = _accounts.ResidentBytes;
        nint memory = Marshal.AllocHGlobal(Bytes);
        for (int offset = 0; offset < Bytes; offset += Page)
        {
            Marshal.WriteByte(memory, offset, 1);
        }

        Marshal.FreeHGlobal(memory);

        Assert.That(_accounts.PeakResidentBytes, Is.GreaterThan(before + (Bytes / 2)));
    }

    [Test]
    public void Process_that_has_ended_has_no_peak()
    {
        using Process process = Process.Start("true");
        process.WaitForExit();

        Assert.That(new ProcessAccounts(process.Id).PeakResidentBytes, Is.Null);
    }
}
