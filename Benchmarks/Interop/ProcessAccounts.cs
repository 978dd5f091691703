using System.ComponentModel;
using System.Globalization;
using System.Runtime.InteropServices;

namespace DotNettyFraming.Benchmarks.Interop;

/// <summary>A process's CPU time, resident memory and sleeps as the operating system reports them.</summary>
internal sealed unsafe class ProcessAccounts(int processId)
{
    /// <summary>The process's CPU clock, computed as in clock_getcpuclockid(3): CPUCLOCK_SCHED of the whole process.</summary>
    private readonly int _clock = (~processId << 3) | 2;

    /// <summary>The CPU time of all threads, ended ones included, user and system; <c>/proc/PID/stat</c> has ticks of 10 ms only.</summary>
    public long CpuNanoseconds
    {
        get
        {
            Libc.TimeSpecification time = default;
            return Libc.ClockGetTime(_clock, &time) == 0
                ? time.Nanoseconds
                : throw new Win32Exception(Marshal.GetLastSystemError(), $"no CPU clock of process {processId}");
        }
    }

    /// <summary>The resident memory (VmRSS).</summary>
    public long ResidentBytes => Field($"/proc/{processId}/status", "VmRSS:") * 1024;

    /// <summary>The highest resident memory since the start (VmHWM); null = the process has ended.</summary>
    public long? PeakResidentBytes
    {
        get
        {
            try
            {
                return Field($"/proc/{processId}/status", "VmHWM:") * 1024;
            }
            catch (Exception e) when (e is IOException or InvalidDataException)
            {
                // No such process, or a zombie without memory.
                return null;
            }
        }
    }

    /// <summary>The number of times that its threads went to sleep; one sleep per packet means one packet per read.</summary>
    public long Sleeps
    {
        get
        {
            long sum = 0;
            foreach (string thread in Directory.EnumerateDirectories($"/proc/{processId}/task"))
            {
                try
                {
                    sum += Field($"{thread}/status", "voluntary_ctxt_switches:");
                }
                catch (IOException)
                {
                    // The thread ended between listing and reading: a spare pool thread, not one that reads packets.
                }
            }

            return sum;
        }
    }

    private static long Field(string file, string name)
    {
        foreach (string line in File.ReadLines(file))
        {
            if (line.StartsWith(name, StringComparison.Ordinal))
            {
                return long.Parse(line.AsSpan(name.Length).Trim().TrimEnd("kB").TrimEnd(), CultureInfo.InvariantCulture);
            }
        }

        throw new InvalidDataException($"no {name} in {file}");
    }
}
