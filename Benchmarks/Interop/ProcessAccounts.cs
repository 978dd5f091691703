using System.ComponentModel;
using System.Globalization;
using System.Runtime.InteropServices;

namespace DotNettyFraming.Benchmarks.Interop;

/// <summary>What the operating system knows of a process: CPU time, resident memory, sleeps.</summary>
/// <remarks>Seen from outside, so the same for every server, in whatever language it is written.</remarks>
internal sealed unsafe class ProcessAccounts(int processId)
{
    /// <summary>The process's CPU clock, as clock_getcpuclockid(3) computes it: CPUCLOCK_SCHED of the whole process.</summary>
    private readonly int _clock = (~processId << 3) | 2;

    /// <summary>CPU time of all its threads, ended ones too, user and system.</summary>
    /// <remarks>
    /// In nanoseconds, where <c>/proc/PID/stat</c> has ticks of 10 ms. It is the scheduler's own account: both agree over a long time.
    /// </remarks>
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

    /// <summary>VmRSS, bytes.</summary>
    public long ResidentBytes => Field($"/proc/{processId}/status", "VmRSS:") * 1024;

    /// <summary>VmHWM, bytes: the most that was resident since it started. Null when it has ended.</summary>
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
                // No such process, or one that only waits for its exit code to be fetched and has no memory any more.
                return null;
            }
        }
    }

    /// <summary>How often its threads went to sleep: a server that sleeps once a packet got each packet alone.</summary>
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
                    // It ended between the listing and the reading; a pool's spare thread, not one that reads packets.
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
