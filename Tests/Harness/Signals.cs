using System.Runtime.InteropServices;

namespace DotNettyFraming.Tests.Harness;

/// <summary>Signals to other processes, without the <c>kill</c> program.</summary>
internal static class Signals
{
    /// <summary>Sends a signal. Skips the test on Windows.</summary>
    public static void Send(int process, PosixSignal signal) => Send(process, signal switch
    {
        PosixSignal.SIGHUP => 1,
        PosixSignal.SIGINT => 2,
        PosixSignal.SIGQUIT => 3,
        PosixSignal.SIGTERM => 15,
        _ => throw new ArgumentOutOfRangeException(nameof(signal)),
    });

    /// <summary>Suspends a process (SIGSTOP).</summary>
    public static void Suspend(int process) => Send(process, OperatingSystem.IsMacOS() ? 17 : 19);

    /// <summary>Resumes a suspended process (SIGCONT).</summary>
    public static void Resume(int process) => Send(process, OperatingSystem.IsMacOS() ? 19 : 18);

    private static void Send(int process, int signal)
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Ignore("Windows has no signals");
        }

        Assert.That(Kill(process, signal), Is.Zero, $"signal {signal} to process {process}");
    }

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int Kill(int process, int signal);
}
