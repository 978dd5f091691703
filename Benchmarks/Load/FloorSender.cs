using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using DotNettyFraming.Benchmarks.Interop;

namespace DotNettyFraming.Benchmarks.Load;

/// <summary>The minimal sender of packets: the system calls that every load client needs, and no more.</summary>
/// <remarks>
/// One thread, non-blocking sockets, level-triggered EPOLLOUT: a wake-up costs epoll_wait and, per ready connection, one send
/// of the rest of its write. All connections send the same bytes repeatedly, without allocation. It is the counterpart of
/// <see cref="Peers.FloorServer"/>: C# with the system calls of a C program.
/// </remarks>
internal sealed unsafe class FloorSender : IDisposable
{
    private const int MaxEvents = 256;
    private const int MaxWaitMilliseconds = 100; // the clock is read at least this often

    /// <summary>The longest time without a read or a close by the server at the end.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly int _epoll = Libc.EpollCreate(Libc.EpollCloseOnExec);
    private readonly byte* _events = (byte*)NativeMemory.Alloc((nuint)(MaxEvents * Libc.EpollEventSize));
    private readonly List<Socket> _sockets = [];
    private readonly byte[] _write;
    private readonly int _packetBytes;

    /// <summary>Bytes taken by the kernel, by descriptor.</summary>
    private long[] _sent = [];

    private FloorSender(Workload load)
    {
        _write = load.Write();
        _packetBytes = load.WriteBytes / load.PacketsPerWrite;
    }

    /// <summary>The number of packets that the kernel took whole.</summary>
    public long Packets => _sent.Sum(bytes => bytes / _packetBytes);

    /// <summary>Connects to the loopback port, from one address.</summary>
    /// <exception cref="SocketException">The server does not listen, or a limit of the machine is reached.</exception>
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

    /// <summary>Sends for the duration and returns the actual time.</summary>
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
            int ready = Libc.EpollWait(_epoll, _events, MaxEvents, MaxWaitMilliseconds);
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

    /// <summary>Sends a FIN on each connection and waits until the server has read everything and closed.</summary>
    /// <exception cref="IOException">The server does not close in time.</exception>
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
        socket.NoDelay = true; // one TCP segment per write
        socket.Connect(IPAddress.Loopback, port);
        socket.Blocking = false;
        if (Libc.EpollAdd(_epoll, (int)socket.Handle, Libc.EpollOut) != 0)
        {
            throw new IOException($"epoll_ctl: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");
        }
    }
}
