using System.Diagnostics;
using System.Runtime.InteropServices;

namespace DotNettyFraming.Hosting;

/// <summary>The stop signals: the first SIGTERM, SIGINT (Ctrl+C), SIGQUIT or SIGHUP stops gracefully, the second immediately.</summary>
/// <remarks>A program creates it first, so that a signal during the start is not lost.</remarks>
internal sealed class StopSignals : IDisposable
{
    // `timeout` and some supervisors signal a process and then its group: on a busy machine the handlers run tens of ms apart.
    private static readonly TimeSpan OneRequest = TimeSpan.FromMilliseconds(100);

    private readonly CancellationTokenSource _requested = new();
    private readonly PosixSignalRegistration[] _registrations;
    private long _firstSignal;

    public StopSignals() => _registrations =
    [
        PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal),
        PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal),
        PosixSignalRegistration.Create(PosixSignal.SIGQUIT, OnSignal),
        PosixSignalRegistration.Create(PosixSignal.SIGHUP, OnSignal),
    ];

    /// <summary>Cancelled by the first signal.</summary>
    public CancellationToken Requested => _requested.Token;

    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in _registrations)
        {
            registration.Dispose();
        }

        _requested.Dispose();
    }

    private void OnSignal(PosixSignalContext context)
    {
        context.Cancel = true;
        long first = Interlocked.CompareExchange(ref _firstSignal, Stopwatch.GetTimestamp(), 0);
        if (first == 0)
        {
            _ = _requested.CancelAsync();
        }
        else if (Stopwatch.GetElapsedTime(first) >= OneRequest)
        {
            ImmediateExit.Now(ExitCode.Killed);
        }
    }
}

/// <summary>An exit without running anything else.</summary>
internal static partial class ImmediateExit
{
    /// <summary>Ends the process. Any thread.</summary>
    /// <remarks><see cref="Environment.Exit"/> runs libraries' handlers first, which may wait forever for standard output.</remarks>
    public static void Now(int exitCode)
    {
        if (OperatingSystem.IsWindows())
        {
            Environment.Exit(exitCode);
        }

        ExitProcess(exitCode);
    }

    /// <summary>_exit(2); never fails, never returns.</summary>
    [LibraryImport("libc", EntryPoint = "_exit")]
    private static partial void ExitProcess(int status);
}
