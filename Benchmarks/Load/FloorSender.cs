using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using DotNettyFraming.Benchmarks.Interop;

namespace DotNettyFraming.Benchmarks.Load;

/// <summary>The least that a sender of packets can be: what no load client can do without.</summary>
/// <remarks>
/// One thread, sockets that do not block, level-triggered EPOLLOUT: a wake-up costs epoll_wait and, for each connection that is ready,
/// one send of the rest of its write. All connections send the same bytes, again and again; nothing is allocated once it runs. The
/// counterpart of the <see cref="Peers.FloorServer"/>, and like it in C# with the system calls of a C program.
/// </remarks>
internal sealed unsafe class FloorSender : IDisposable
{
    private const int EventsAWakeUp = 256;
    private const int LookAtClockMilliseconds = 100; // for when no connection is ready

    /// <summary>How long a server may neither read nor close at the end.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly int _epoll = Libc.EpollCreate(Libc.EpollCloseOnExec);
    private readonly byte* _events = (byte*)NativeMemory.Alloc((nuint)(EventsAWakeUp * Libc.EpollEventSize));
    private readonly List<Socket> _sockets = [];
    private readonly byte[] _write;
    private readonly int _packetBytes;

    /// <summary>Bytes that the kernel took, by descriptor.</summary>
    private long[] _sent = [];

    private FloorSender(Workload load)
    {
        _write = load.Write();
        _packetBytes = load.WriteBytes / load.PacketsAWrite;
    }

    /// <summary>Packets whose every byte the kernel took.</summary>
    public long Packets => _sent.Sum(bytes => bytes / _packetBytes);

    /// <summary>Makes the connections, from one address.</summary>
    /// <param name="port">The server's port on the loopback.</param>
    /// <param name="load">How many connections, and what they write.</param>
    /// <exception cref="SocketException">The server is not there, or a limit of the machine is reached.</exception>
    public static FloorSender Open(int port, Workload load)
    {
        var sender = new FloorSender(load);
        try
        {
            for (int i = 0; i < load.Connections; i++)
            {
                sender.Connect(port);
            }

            sender._sent = new long[sender._sockets.Max(socket => (int)socket.Handle) + 1];
            return sender;
        }
        catch
        {
            sender.Dispose();
            throw;
        }
    }

    /// <summary>Sends for a while.</summary>
    /// <returns>How long it was.</returns>
    /// <exception cref="IOException">The server has closed a connection.</exception>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public TimeSpan Send(TimeSpan duration)
    {
        long[] sent = _sent;
        byte* write = (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_write)); // pinned, see Workload.Write
        int length = _write.Length;
        long start = Stopwatch.GetTimestamp();
        long end = start + (long)(duration.TotalSeconds * Stopwatch.Frequency);
        long now = start;
        while (now < end)
        {
            int ready = Libc.EpollWait(_epoll, _events, EventsAWakeUp, LookAtClockMilliseconds);
            for (int i = 0; i < ready; i++)
            {
                int socket = Libc.DescriptorOf(_events, i);
                int offset = (int)(sent[socket] % length);
                nint taken = Libc.Send(socket, write + offset, (nuint)(length - offset), Libc.NoSignal);
                if (taken > 0)
                {
                    sent[socket] += taken;
                }
                else if (Marshal.GetLastPInvokeError() is not (Libc.TryAgain or Libc.Interrupted) and int errno)
                {
                    throw new IOException($"a write failed: {Marshal.GetPInvokeErrorMessage(errno)}");
                }
            }

            now = Stopwatch.GetTimestamp();
        }

        return Stopwatch.GetElapsedTime(start, now);
    }

    /// <summary>Sends a FIN on each connection, and waits until the server has read everything and closed it in turn.</summary>
    /// <exception cref="IOException">It does not.</exception>
    public void Finish()
    {
        _sockets.ForEach(socket => socket.Shutdown(SocketShutdown.Send));
        Span<byte> nothing = stackalloc byte[1];
        foreach (Socket socket in _sockets)
        {
            if (!socket.Poll(Patience, SelectMode.SelectRead) || socket.Receive(nothing) != 0)
            {
                throw new IOException($"the server did not close within {Patience.TotalSeconds} s");
            }
        }
    }

    public void Dispose()
    {
        _sockets.ForEach(socket => socket.Dispose());
        _ = Libc.Close(_epoll);
        NativeMemory.Free(_events);
    }

    private void Connect(int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        _sockets.Add(socket);
        socket.NoDelay = true; // a packet of its own for each write, whatever came before
        socket.Connect(IPAddress.Loopback, port);
        socket.Blocking = false;
        if (Libc.EpollAdd(_epoll, (int)socket.Handle, Libc.EpollOut) != 0)
        {
            throw new IOException($"epoll_ctl: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");
        }
    }
}
