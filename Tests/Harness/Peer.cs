using System.Net;
using System.Net.Sockets;

namespace DotNettyFraming.Tests.Harness;

/// <summary>A peer of the server: a raw .NET socket with a time-out on every operation.</summary>
internal sealed class Peer : IDisposable
{
    /// <summary>The time-out of every wait in the tests, far above the time of a good run.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private Peer(Socket socket) => Socket = socket;

    public Socket Socket { get; }

    /// <summary>Connects to the server's port on <paramref name="address"/>; null = the IPv4 loopback.</summary>
    /// <remarks>
    /// <paramref name="receiveBuffer"/>, in bytes, is set before connecting. Later it shrinks a window that the server already
    /// fills: Linux then drops the server's segments with their ACKs, and both directions can stall.
    /// </remarks>
    public static async Task<Peer> ConnectAsync(IPEndPoint server, IPAddress? address = null, int? receiveBuffer = null)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        if (receiveBuffer is { } size)
        {
            socket.ReceiveBufferSize = size;
        }

        using var timeout = new CancellationTokenSource(Patience);
        await socket.ConnectAsync(new IPEndPoint(address ?? IPAddress.Loopback, server.Port), timeout.Token);
        return new Peer(socket);
    }

    public async Task SendAsync(ReadOnlyMemory<byte> bytes)
    {
        using var timeout = new CancellationTokenSource(Patience);
        while (!bytes.IsEmpty)
        {
            bytes = bytes[await Socket.SendAsync(bytes, timeout.Token)..];
        }
    }

    /// <summary>Waits until the server closes or resets the connection.</summary>
    public async Task ClosedByServerAsync()
    {
        using var timeout = new CancellationTokenSource(Patience);
        byte[] buffer = new byte[4096];
        try
        {
            while (await Socket.ReceiveAsync(buffer, timeout.Token) > 0)
            {
            }
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionReset or SocketError.ConnectionAborted)
        {
            // A close with unread input arrives as a reset.
        }
    }

    /// <summary>Receives exactly <paramref name="count"/> bytes.</summary>
    public async Task<byte[]> ReceiveAsync(int count)
    {
        using var timeout = new CancellationTokenSource(Patience);
        byte[] bytes = new byte[count];
        for (int at = 0; at < count;)
        {
            int read = await Socket.ReceiveAsync(bytes.AsMemory(at), timeout.Token);
            Assert.That(read, Is.Positive, $"the server closed after {at} of {count} bytes");
            at += read;
        }

        return bytes;
    }

    /// <summary>Receives everything up to the server's FIN; a reset is an exception.</summary>
    public async Task<byte[]> ReceiveToEndAsync()
    {
        using var timeout = new CancellationTokenSource(Patience);
        var bytes = new MemoryStream();
        byte[] buffer = new byte[65536];
        while (await Socket.ReceiveAsync(buffer, timeout.Token) is > 0 and var read)
        {
            bytes.Write(buffer, 0, read);
        }

        return bytes.ToArray();
    }

    /// <summary>Sends FIN.</summary>
    public void Finish() => Socket.Shutdown(SocketShutdown.Send);

    /// <summary>Sends RST.</summary>
    public void Reset()
    {
        Socket.LingerState = new LingerOption(true, 0);
        Socket.Dispose();
    }

    public void Dispose() => Socket.Dispose();
}
