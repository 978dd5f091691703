using System.Net;
using System.Net.Sockets;

namespace DotNettyFraming.Tests.Harness;

/// <summary>A peer of the server: a raw .NET socket, and not our own client. Everything it does has a time-out.</summary>
internal sealed class Peer : IDisposable
{
    /// <summary>What every wait in the tests is bounded by: far above what a good run takes, and a failure when passed.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private Peer(Socket socket) => Socket = socket;

    public Socket Socket { get; }

    /// <summary>Connects.</summary>
    /// <param name="server">The server, of whose address only the port counts.</param>
    /// <param name="address">An address of this machine that leads there, where not the usual one.</param>
    public static async Task<Peer> ConnectAsync(IPEndPoint server, IPAddress? address = null)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
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

    /// <summary>Waits until the server ends the connection, in whichever way.</summary>
    /// <exception cref="OperationCanceledException">It did not.</exception>
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
            // A close with unread input is seen as a reset: closed all the same.
        }
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
