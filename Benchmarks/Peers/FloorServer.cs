using System.Net;
using System.Net.Sockets;
using DotNettyFraming.Benchmarks.Interop;

namespace DotNettyFraming.Benchmarks.Peers;

/// <summary>The floor: bare epoll loops that parse headers, the minimum that every server needs.</summary>
/// <remarks>
/// C# with the system calls of a C program, without allocation. One thread accepts and assigns connections in turn to as many
/// loops as our server has. A wake-up costs epoll_wait and, per ready connection, one recv of at most 64 KiB, our server's
/// size. It stores no payload, so it is no floor for half-sent packets.
/// </remarks>
internal sealed class FloorServer(int loops) : IPeer
{
    private const int Backlog = 4096;

    private readonly FloorLoop[] _loops = [.. Enumerable.Range(0, loops).Select(_ => new FloorLoop())];

    public long PacketsProcessed => _loops.Sum(loop => loop.Packets);

    public Task<IPEndPoint> StartAsync(int port)
    {
        var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, port));
        listener.Listen(Backlog);
        foreach (FloorLoop loop in _loops)
        {
            Start("loop", loop.Run);
        }

        Start("acceptor", () => Accept(listener));
        return Task.FromResult((IPEndPoint)listener.LocalEndPoint!);
    }

    private static void Start(string name, ThreadStart run) => new Thread(run) { Name = $"floor {name}", IsBackground = true }.Start();

    private unsafe void Accept(Socket listener)
    {
        for (int next = 0; ;)
        {
            int connection = Libc.Accept((int)listener.Handle, null, null, Libc.SocketNonBlocking | Libc.SocketCloseOnExec);
            if (connection >= 0)
            {
                _loops[next].Add(connection);
                next = (next + 1) % _loops.Length;
            }
        }
    }
}
