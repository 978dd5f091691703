using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace DotNettyFraming.Server.Admin;

/// <summary>Marks a connection that was admitted for one health request; it closes with the answer.</summary>
internal interface IHealthConnection;

/// <summary>Kestrel's transport: accepts quickly, and hands connections to Kestrel at a bounded rate, health requests first.</summary>
/// <remarks>
/// A new connection waits here until the start of its request is known. A request for <c>/health/</c> goes to Kestrel immediately, outside
/// of all limits; others wait for their turn. If too many wait, the oldest is closed, so a flood cannot block a load balancer's check.
/// </remarks>
internal sealed class AdminConnections(TimeProvider time, ILoggerFactory loggers)
    : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    private readonly SocketTransportFactory _sockets =
        new(Options.Create(new SocketTransportOptions { Backlog = AdminLimits.Backlog }), loggers);

    public bool CanBind(EndPoint endpoint) => _sockets.CanBind(endpoint);

    public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) =>
        new Listener(await _sockets.BindAsync(endpoint, cancellationToken), time);

    private sealed class Listener : IConnectionListener
    {
        private readonly IConnectionListener _inner;
        private readonly TimeProvider _time;
        private readonly Pacing _accepts;
        private readonly Pacing _turns;
        private readonly Channel<ConnectionContext> _admitted = Channel.CreateUnbounded<ConnectionContext>();
        private readonly Lock _counting = new();
        private readonly LinkedList<ConnectionContext> _waiting = [];
        private readonly LinkedList<ConnectionContext> _health = [];
        private readonly Dictionary<IPAddress, int> _open = [];
        private readonly Task _accepting;

        public Listener(IConnectionListener inner, TimeProvider time)
        {
            _inner = inner;
            _time = time;
            _accepts = new Pacing(AdminLimits.AcceptsPerSecond, AdminLimits.Waiting, time);
            _turns = new Pacing(AdminLimits.ConnectionsPerSecond, AdminLimits.Connections, time);
            _accepting = AcceptAllAsync();
        }

        public EndPoint EndPoint => _inner.EndPoint;

        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default) =>
            await _admitted.Reader.WaitToReadAsync(cancellationToken) && _admitted.Reader.TryRead(out ConnectionContext? connection)
                ? connection
                : null;

        public async ValueTask UnbindAsync(CancellationToken cancellationToken = default)
        {
            await _inner.UnbindAsync(cancellationToken);
            await _accepting.WaitAsync(cancellationToken);
        }

        public ValueTask DisposeAsync() => _inner.DisposeAsync();

        private async Task AcceptAllAsync()
        {
            try
            {
                // Take the turn after the accept: taken before, it would be used up while no connection waits.
                while (await _inner.AcceptAsync() is { } connection)
                {
                    await _accepts.TurnAsync(CancellationToken.None);
                    _ = AdmitAsync(connection);
                }

                _admitted.Writer.TryComplete();
            }
            catch (Exception exception)
            {
                _admitted.Writer.TryComplete(exception); // Kestrel logs it
            }
        }

        private async Task AdmitAsync(ConnectionContext connection)
        {
            LinkedListNode<ConnectionContext> place = Enter(_waiting, AdminLimits.Waiting, connection);
            try
            {
                bool? isHealth = await IsHealthAsync(connection);
                if (isHealth == false)
                {
                    await _turns.TurnAsync(connection.ConnectionClosed);
                }

                if (isHealth is null || !TryAdmit(connection, isHealth.Value))
                {
                    connection.Abort();
                    await connection.DisposeAsync();
                }
            }
            catch (Exception e) when (e is OperationCanceledException or IOException or SocketException)
            {
                // The peer closed, or was too slow.
                connection.Abort();
                await connection.DisposeAsync();
            }
            finally
            {
                Leave(_waiting, place);
            }
        }

        /// <summary>Returns whether the first request is for <c>/health/</c>; null if the peer closed without one.</summary>
        private async Task<bool?> IsHealthAsync(ConnectionContext connection)
        {
            using var slow = new CancellationTokenSource(AdminLimits.HeadersTimeout, _time);
            while (true)
            {
                PipeReader input = connection.Transport.Input;
                ReadResult read = await input.ReadAsync(slow.Token);
                bool? isHealth = AdminLimits.StartsHealthRequest(read.Buffer);
                input.AdvanceTo(read.Buffer.Start, isHealth is null ? read.Buffer.End : read.Buffer.Start);
                if (isHealth is not null || read.IsCompleted)
                {
                    return isHealth;
                }
            }
        }

        private bool TryAdmit(ConnectionContext connection, bool isHealth)
        {
            if (isHealth)
            {
                LinkedListNode<ConnectionContext> place = Enter(_health, AdminLimits.HealthConnections, connection);
                connection.Features.Set<IHealthConnection>(new HealthConnection());
                connection.ConnectionClosed.UnsafeRegister(_ => Leave(_health, place), null);
                return _admitted.Writer.TryWrite(connection);
            }

            IPAddress network = NetworkOf(((IPEndPoint)connection.RemoteEndPoint!).Address);
            lock (_counting)
            {
                int fromNetwork = _open.GetValueOrDefault(network);
                if (fromNetwork >= AdminLimits.ConnectionsPerAddress || _open.Values.Sum() >= AdminLimits.Connections)
                {
                    return false;
                }

                _open[network] = fromNetwork + 1;
            }

            connection.ConnectionClosed.UnsafeRegister(_ => Closed(network), null);
            return _admitted.Writer.TryWrite(connection);
        }

        private void Closed(IPAddress network)
        {
            lock (_counting)
            {
                if (--_open[network] == 0)
                {
                    _open.Remove(network);
                }
            }
        }

        private LinkedListNode<ConnectionContext> Enter(LinkedList<ConnectionContext> room, int most, ConnectionContext connection)
        {
            lock (_counting)
            {
                if (room.Count >= most)
                {
                    room.First!.Value.Abort();
                    room.RemoveFirst();
                }

                return room.AddLast(connection);
            }
        }

        private void Leave(LinkedList<ConnectionContext> room, LinkedListNode<ConnectionContext> place)
        {
            lock (_counting)
            {
                if (place.List == room)
                {
                    room.Remove(place);
                }
            }
        }

        /// <summary>Returns the IPv4 address, or the IPv6 /64: one peer may own all its addresses.</summary>
        private static IPAddress NetworkOf(IPAddress address)
        {
            if (address.IsIPv4MappedToIPv6)
            {
                return address.MapToIPv4();
            }

            byte[] bytes = address.GetAddressBytes();
            bytes.AsSpan(Math.Min(bytes.Length, 8)).Clear();
            return new IPAddress(bytes);
        }

        private sealed class HealthConnection : IHealthConnection;
    }
}
