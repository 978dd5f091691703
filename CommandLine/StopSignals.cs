using System.Diagnostics;
using System.Runtime.InteropServices;

namespace DotNettyFraming.CommandLine;

/// <summary>
/// How a program is asked to stop: the first SIGTERM, SIGINT (Ctrl+C), SIGQUIT or SIGHUP asks for an orderly stop, the second one ends
/// the process at once with <see cref="ExitCode.Killed"/>.
/// </summary>
/// <remarks>Made first in <c>Program</c>, so that no signal is lost while the program starts; it waits in <see cref="Requested"/>.</remarks>
public sealed class StopSignals : IDisposable
{
    /// <summary>Two signals so close are one wish: <c>timeout</c> and some supervisors signal a process, and then its whole group. Each is handled
    /// on a thread of its own, which on a busy machine may begin tens of milliseconds after the signal.</summary>
    private static readonly TimeSpan OneWish = TimeSpan.FromMilliseconds(100);

    private readonly CancellationTokenSource _requested = new();
    private readonly PosixSignalRegistration[] _registrations;
    private long _firstSignal;

    /// <summary>Begins to listen for signals.</summary>
    public StopSignals() => _registrations =
    [
        PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal),
        PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal),
        PosixSignalRegistration.Create(PosixSignal.SIGQUIT, OnSignal),
        PosixSignalRegistration.Create(PosixSignal.SIGHUP, OnSignal),
    ];

    /// <summary>Cancelled by the first signal.</summary>
    public CancellationToken Requested => _requested.Token;

    /// <inheritdoc/>
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
        else if (Stopwatch.GetElapsedTime(first) >= OneWish)
        {
            ImmediateExit.Now(ExitCode.Killed);
        }
    }
}
