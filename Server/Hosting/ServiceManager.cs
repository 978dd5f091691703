using System.Net.Sockets;
using DotNettyFraming.Server.Metrics;
using Microsoft.Extensions.Hosting.Systemd;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Server.Hosting;

/// <summary>Tells systemd when the server is ready and when it begins to stop (sd_notify(3)); does nothing where <c>NOTIFY_SOCKET</c> is not set.</summary>
/// <remarks>Only the package's notifier is used: its host lifetime would take the place of <see cref="SignalLifetime"/>, which knows
/// second signals and exit codes.</remarks>
internal sealed class ServiceManager(ISystemdNotifier notifier, ILogger<ServiceManager> logger)
{
    /// <summary>READY=1: the start-up line has been written.</summary>
    public void Ready() => Notify(ServiceState.Ready, "ready");

    /// <summary>STOPPING=1: no new connections, the drain begins.</summary>
    public void Stopping() => Notify(ServiceState.Stopping, "stopping");

    private void Notify(ServiceState state, string name)
    {
        if (!notifier.IsEnabled)
        {
            return;
        }

        try
        {
            notifier.Notify(state);
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            // Nobody there, or no such address: the server serves all the same.
            logger.NotNotified(name, e.Message);
        }
    }
}
