using System.Runtime.InteropServices;

namespace DotNettyFraming.Server.Hosting;

/// <summary>The first SIGTERM or SIGINT stops in order, which the host sees to; the second ends the process at once.</summary>
internal sealed class SecondSignal : IDisposable
{
    /// <summary>128 + SIGINT, as shells report a program that was interrupted.</summary>
    public const int ExitCode = 130;

    private readonly PosixSignalRegistration[] _registrations;
    private int _signals;

    public SecondSignal() => _registrations =
    [
        PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal),
        PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal),
    ];

    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in _registrations)
        {
            registration.Dispose();
        }
    }

    private void OnSignal(PosixSignalContext context)
    {
        context.Cancel = true;
        if (Interlocked.Increment(ref _signals) > 1)
        {
            Environment.Exit(ExitCode);
        }
    }
}
