using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using DotNettyFraming.Benchmarks.Interop;

namespace DotNettyFraming.Benchmarks.Load;

/// <summary>Connections to a server on the loopback.</summary>
/// <remarks>
/// Blocking sockets: a write without room in the kernel waits by itself, each connection has its turn, and no other kind is
/// cheaper. A server that reads nothing for <see cref="Patience"/> is an error. Not thread-safe.
/// </remarks>
internal sealed unsafe class ClientConnections : IDisposable
{
    /// <summary>The longest time without a read or a close by the server.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <summary>Source addresses, used in turn: one address has 28,000 ports, and a closed connection keeps its port for a while.</summary>
    private const int SourceAddresses = 16;

    private const int LevelIp = 0;
    private const int BindAddressNoPort = 24; // IP_BIND_ADDRESS_NO_PORT: connect picks the port, which connections may share

    private readonly List<Socket> _sockets;
    private readonly int[] _descriptors;

    private ClientConnections(List<Socket> sockets)
    {
        _sockets = sockets;
        _descriptors = [.. sockets.Select(socket => (int)socket.Handle)];
    }

    /// <summary>The number of connections.</summary>
    public int Count => _descriptors.Length;

    /// <summary>Opens connections; the kernel has accepted all of them, the server perhaps not yet.</summary>
    public static ClientConnections Open(int port, int count)
    {
        var sockets = new List<Socket>(count);
        var connections = default(ClientConnections);
        try
        {
            for (int i = 0; i < count; i++)
            {
                sockets.Add(Connect(port, i % SourceAddresses));
            }

            connections = new ClientConnections(sockets);
            return connections;
        }
        finally
        {
            if (connections is null)
            {
                sockets.ForEach(socket => socket.Dispose());
            }
        }
    }

    /// <summary>Writes to one connection, from pinned memory; returns when the kernel has taken every byte.</summary>
    public void Write(int index, byte* write, int length)
    {
        nint sent = Libc.Send(_descriptors[index], write, (nuint)length, Libc.NoSignal);
        if (sent != length)
        {
            throw new IOException(sent < 0
                ? $"a write failed: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}"
                : $"the server read nothing for {Patience.TotalSeconds} s");
        }
    }

    /// <summary>Writes the same bytes to every connection.</summary>
    public void WriteToAll(byte[] write, int length)
    {
        fixed (byte* bytes = write)
        {
            for (int i = 0; i < Count; i++)
            {
                Write(i, bytes, length);
            }
        }
    }

    /// <summary>Sends a FIN on each connection and waits until the server has read everything and closed.</summary>
    public void Finish()
    {
        _sockets.ForEach(socket => socket.Shutdown(SocketShutdown.Send));
        Span<byte> nothing = stackalloc byte[1];
        foreach (Socket socket in _sockets)
        {
            socket.Receive(nothing);
        }
    }

    public void Dispose() => _sockets.ForEach(socket => socket.Dispose());

    private static Socket Connect(int port, int source)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.NoDelay = true; // one TCP segment per write
            socket.SendTimeout = socket.ReceiveTimeout = (int)Patience.TotalMilliseconds;
            socket.SetRawSocketOption(LevelIp, BindAddressNoPort, BitConverter.GetBytes(1));
            socket.Bind(new IPEndPoint(new IPAddress([127, 0, 0, (byte)(1 + source)]), 0));
            socket.Connect(IPAddress.Loopback, port);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
