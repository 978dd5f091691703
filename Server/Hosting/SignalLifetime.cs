using DotNettyFraming.CommandLine;
using Microsoft.Extensions.Hosting;

namespace DotNettyFraming.Server.Hosting;

/// <summary>Stops the host when a signal asks for it, and sees to it that it does stop.</summary>
internal sealed class SignalLifetime : IHostLifetime, IDisposable
{
    private readonly StopSignals _signals;
    private readonly IHostApplicationLifetime _application;
    private readonly TimeSpan _longestStop;
    private CancellationTokenRegistration _started;
    private CancellationTokenRegistration _requested;
    private Timer? _watchdog;

    public SignalLifetime(StopSignals signals, IHostApplicationLifetime application, ServerOptions options)
    {
        _signals = signals;
        _application = application;
        _longestStop = options.DrainTimeout + FramingServer.StopMargin;
    }

    /// <summary>A signal that comes while the host starts takes effect when it has started, and then stops it in order.</summary>
    public Task WaitForStartAsync(CancellationToken cancellationToken)
    {
        _started = _application.ApplicationStarted.Register(() => _requested = _signals.Requested.Register(Stop));
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose()
    {
        _started.Dispose();
        _requested.Dispose();
        _watchdog?.Dispose();
    }

    private void Stop()
    {
        // Whatever holds the stop up, a reader of our log that has stalled for example, ends with the time that we promised.
        _watchdog = new Timer(static _ => ImmediateExit.Now(ExitCode.Success), null, _longestStop, Timeout.InfiniteTimeSpan);
        _application.StopApplication();
    }
}
