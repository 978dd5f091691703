using System.Net;
using System.Net.Sockets;
using DotNetty.Buffers;
using DotNetty.Common;
using DotNetty.Transport.Bootstrapping;
using DotNetty.Transport.Channels;
using DotNettyFraming.Transport;

namespace DotNettyFraming.Tests.Transport;

/// <summary>
/// What every transport owes to DotNetty's pipeline. The fixtures below it hold one part each, and run once a
/// transport; the peer is always a raw .NET socket.
/// </summary>
public abstract class TransportContract<T>
    where T : ITransport, new()
{
    private readonly List<IDisposable> _disposables = [];
    private ResourceLeakDetector.DetectionLevel _levelBefore;
    private CancellationTokenSource _cancel = null!;

    /// <summary>What a test may take.</summary>
    protected virtual TimeSpan Limit => TimeSpan.FromSeconds(10);

    /// <summary>Ends every wait of the test.</summary>
    protected CancellationToken Cancel => _cancel.Token;

    protected ITransport Transport { get; } = new T();

    protected MultithreadEventLoopGroup Group { get; private set; } = null!;

    [SetUp]
    public void StartLoops()
    {
        _levelBefore = ResourceLeakDetector.Level;
        ResourceLeakDetector.Level = Transport.LeakDetection;
        _cancel = new CancellationTokenSource(Limit);
        Group = Transport.NewGroup(2);
    }

    [TearDown]
    public async Task StopLoops()
    {
        foreach (IDisposable disposable in _disposables)
        {
            disposable.Dispose();
        }

        _disposables.Clear();

        // DotNetty's loops spin forever when a task, the end of a peer for example, arrives during their shutdown: a quiet time lets it in.
        Task end = Transport.WhyNot(Capability.ClosesChannelsAtShutdown) is null
            ? Group.ShutdownGracefullyAsync(TimeSpan.Zero, TimeSpan.FromSeconds(1))
            : Group.ShutdownGracefullyAsync(TimeSpan.FromMilliseconds(50), TimeSpan.FromMilliseconds(50));
        await end.WaitAsync(Limit);
        _cancel.Dispose();
        bool looksForLeaks = ResourceLeakDetector.Level == ResourceLeakDetector.DetectionLevel.Paranoid;
        ResourceLeakDetector.Level = _levelBefore;
        if (looksForLeaks)
        {
            LeakDetection.AssertNone();
        }
    }

    /// <summary>Skips the test, by name and with the reason, on a transport without the capability.</summary>
    protected void Needs(Capability capability)
    {
        if (Transport.WhyNot(capability) is { } reason)
        {
            Assert.Ignore($"{typeof(T).Name} lacks {capability}: {reason}");
        }
    }

    protected TDisposable DisposeLater<TDisposable>(TDisposable disposable)
        where TDisposable : IDisposable
    {
        _disposables.Add(disposable);
        return disposable;
    }

    /// <summary>A listener on a free port of loopback.</summary>
    protected async Task<IChannel> Listen(
        Action<IChannel> child, Action<ServerBootstrap>? configure = null, IPEndPoint? at = null, AddressFamily? family = null)
    {
        var bootstrap = new ServerBootstrap().Group(Group).ChildHandler(new ActionChannelInitializer<IChannel>(child));
        Transport.Use(bootstrap, family);
        configure?.Invoke(bootstrap);
        return await bootstrap.BindAsync(at ?? new IPEndPoint(IPAddress.Loopback, 0)).WaitAsync(Cancel);
    }

    /// <summary>A raw socket connected to a listener under test.</summary>
    protected async Task<Socket> Peer(IChannel listener)
    {
        Socket socket = DisposeLater(new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true });
        await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, ((IPEndPoint)listener.LocalAddress).Port), Cancel);
        return socket;
    }

    /// <summary>An accepted channel under test, its handler, and the raw socket at the other end.</summary>
    protected async Task<(IChannel Channel, RecordingHandler Handler, Socket Peer)> Accepted(
        Action<ServerBootstrap>? configure = null, Action<RecordingHandler>? prepare = null)
    {
        var handler = new RecordingHandler();
        prepare?.Invoke(handler);
        IChannel listener = await Listen(c => c.Pipeline.AddLast(handler), configure);
        Socket peer = await Peer(listener);
        IChannelHandlerContext context = await handler.Active.WaitAsync(Cancel);
        return (context.Channel, handler, peer);
    }

    /// <summary>A bootstrap for outgoing channels.</summary>
    protected Bootstrap Outgoing(IChannelHandler handler, AddressFamily? family = null)
    {
        var bootstrap = new Bootstrap().Group(Group).Handler(handler);
        Transport.Use(bootstrap, family);
        return bootstrap;
    }

    /// <summary>A raw listening socket on a free port of loopback.</summary>
    protected Socket RawListener(int backlog = 16)
    {
        Socket listener = DisposeLater(new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(backlog);
        return listener;
    }

    /// <summary>A listener whose queue is full: the kernel drops further SYNs, and connects hang.</summary>
    protected async Task<EndPoint> SilentListener()
    {
        Socket listener = RawListener(backlog: 0);
        for (int i = 0; i < 2; i++)
        {
            Socket filler = DisposeLater(new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));
            _ = filler.ConnectAsync(listener.LocalEndPoint!, Cancel).AsTask().ContinueWith(static t => _ = t.Exception, TaskScheduler.Default);
            if (i == 0)
            {
                await Eventually(() => filler.Connected);
            }
        }

        return listener.LocalEndPoint!;
    }

    protected async Task<byte[]> ReceiveAll(Socket socket)
    {
        using var all = new MemoryStream();
        byte[] buffer = new byte[64 * 1024];
        while (await socket.ReceiveAsync(buffer, SocketFlags.None, Cancel) is > 0 and int count)
        {
            all.Write(buffer, 0, count);
        }

        return all.ToArray();
    }

    protected async Task<byte[]> ReceiveExactly(Socket socket, int count)
    {
        byte[] bytes = new byte[count];
        for (int done = 0; done < count;)
        {
            int received = await socket.ReceiveAsync(bytes.AsMemory(done), SocketFlags.None, Cancel);
            Assert.That(received, Is.GreaterThan(0), "the channel closed early");
            done += received;
        }

        return bytes;
    }

    /// <summary>Runs on the channel's loop and waits; afterwards all that was queued there before is done.</summary>
    protected async Task<TResult> OnLoop<TResult>(IChannel channel, Func<TResult> function) =>
        await channel.EventLoop.SubmitAsync(function).WaitAsync(Cancel);

    /// <summary>Wake-ups of the channel's loop over 100 ms in which nothing happens; a spinning loop makes tens of thousands.</summary>
    protected async Task<long> WakeUpsWhileIdle(IChannel channel)
    {
        var loop = (EpollEventLoop)channel.EventLoop;
        await OnLoop(channel, () => 0);
        long before = loop.WakeUps;
        await loop.ScheduleAsync(() => { }, TimeSpan.FromMilliseconds(100)).WaitAsync(Cancel);
        return loop.WakeUps - before;
    }

    /// <summary>What the task fails with.</summary>
    protected async Task<Exception> Failure(Task task)
    {
        try
        {
            await task.WaitAsync(Cancel);
        }
        catch (Exception e) when (!Cancel.IsCancellationRequested)
        {
            return e;
        }

        throw new AssertionException("it did not fail");
    }

    /// <summary>Resets the connection: close with linger 0.</summary>
    protected static void Reset(Socket socket)
    {
        socket.LingerState = new LingerOption(true, 0);
        socket.Close();
    }

    protected static byte[] Pattern(int length)
    {
        byte[] bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        return bytes;
    }

    protected static IByteBuffer Buffer(byte[] bytes) => Unpooled.WrappedBuffer(bytes);

    /// <summary>Waits for a condition that nothing announces; bounded by <see cref="Cancel"/>.</summary>
    protected async Task Eventually(Func<bool> condition)
    {
        while (!condition())
        {
            await Task.Delay(2, Cancel);
        }
    }
}
