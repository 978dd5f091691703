using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using DotNettyFraming.Tests.Harness;

namespace DotNettyFraming.Tests.LoadClient;

/// <summary>A server on raw .NET sockets that serves connections as the test asks and keeps the bytes they sent.</summary>
internal sealed class StandInServer : IAsyncDisposable
{
    private readonly Socket _listener;
    private readonly Func<Connection, Task> _serve;
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentBag<Task> _serving = [];
    private readonly Task _accepting;

    public StandInServer(Func<Connection, Task> serve, int? receiveBufferBytes = null, IPAddress? address = null)
    {
        address ??= IPAddress.Loopback;
        _listener = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        _serve = serve;
        if (receiveBufferBytes is int bytes)
        {
            _listener.ReceiveBufferSize = bytes;
        }

        _listener.Bind(new IPEndPoint(address, 0));
        _listener.Listen(1024);
        _accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndPoint!).Port;

    public ConcurrentQueue<Connection> Connections { get; } = new();

    /// <summary>Reads until the client's FIN, and closes.</summary>
    public static Task ReadToEnd(Connection connection) => connection.ReadToEndAsync();

    /// <summary>Leaves the connection open without reading from it.</summary>
    public static Task NeverRead(Connection connection) => Task.Delay(Timeout.Infinite, connection.Stopped);

    /// <summary>Waits until every connection has been served to its end.</summary>
    public async Task ServedAllAsync() => await Task.WhenAll(_serving).WaitAsync(Peer.Patience);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _accepting;
        _listener.Dispose();
        foreach (Connection connection in Connections)
        {
            connection.Socket.Dispose();
        }

        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var connection = new Connection(await _listener.AcceptAsync(_stop.Token), Connections.Count, _stop.Token);
                Connections.Enqueue(connection);
                _serving.Add(_serve(connection));
            }
        }
        catch (OperationCanceledException)
        {
            // The server is being disposed.
        }
    }

    internal sealed record Connection(Socket Socket, int Number, CancellationToken Stopped)
    {
        private readonly List<byte> _received = [];

        public byte[] Received
        {
            get
            {
                lock (_received)
                {
                    return [.. _received];
                }
            }
        }

        /// <summary>The client's address, without its port.</summary>
        public string Address { get; } = ((IPEndPoint)Socket.RemoteEndPoint!).Address.ToString();

        public IPEndPoint Remote { get; } = (IPEndPoint)Socket.RemoteEndPoint!;

        public async Task<int> ReadAsync()
        {
            byte[] buffer = new byte[16 * 1024];
            int length = await Socket.ReceiveAsync(buffer, Stopped);
            lock (_received)
            {
                _received.AddRange(buffer.AsSpan(0, length));
            }

            return length;
        }

        public async Task ReadToEndAsync()
        {
            while (await ReadAsync() > 0)
            {
            }

            Socket.Dispose();
        }

        public void Reset()
        {
            Socket.LingerState = new LingerOption(true, 0);
            Socket.Dispose();
        }
    }
}
