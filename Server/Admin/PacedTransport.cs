using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace DotNettyFraming.Server.Admin;

/// <summary>Kestrel's transport, accepting at a bounded pace: Kestrel itself accepts whatever comes and closes what is too much, and a
/// flood of connections would keep a core busy with that.</summary>
internal sealed class PacedTransport : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    private readonly SocketTransportFactory _sockets;
    private readonly TimeProvider _time;

    /// <param name="time">The clock.</param>
    /// <param name="loggers">Where Kestrel's transport logs.</param>
    public PacedTransport(TimeProvider time, ILoggerFactory loggers)
    {
        _time = time;
        _sockets = new SocketTransportFactory(Options.Create(new SocketTransportOptions { Backlog = AdminLimits.Backlog }), loggers);
    }

    /// <inheritdoc/>
    public bool CanBind(EndPoint endpoint) => _sockets.CanBind(endpoint);

    /// <inheritdoc/>
    public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) => new Listener(
        await _sockets.BindAsync(endpoint, cancellationToken),
        new Pacing(AdminLimits.ConnectionsPerSecond, AdminLimits.Connections, _time));

    private sealed class Listener(IConnectionListener inner, Pacing pacing) : IConnectionListener
    {
        public EndPoint EndPoint => inner.EndPoint;

        /// <summary>The turn is taken with the connection in hand: taken before, the first one after a burst would wait for nothing.</summary>
        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
        {
            ConnectionContext? connection = await inner.AcceptAsync(cancellationToken);
            if (connection is not null)
            {
                await pacing.TurnAsync(cancellationToken);
            }

            return connection;
        }

        public ValueTask UnbindAsync(CancellationToken cancellationToken = default) => inner.UnbindAsync(cancellationToken);

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
