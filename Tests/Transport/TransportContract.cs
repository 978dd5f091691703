using System.Net;
using System.Net.Sockets;
using DotNetty.Buffers;
using DotNetty.Common;
using DotNetty.Transport.Bootstrapping;
using DotNetty.Transport.Channels;
using DotNettyFraming.Transport;

namespace DotNettyFraming.Tests.Transport;

/// <summary>The contract of every transport with DotNetty's pipeline, against raw .NET sockets as peers.</summary>
/// <remarks>A derived fixture tests one part of it and runs once per transport.</remarks>
public abstract class TransportContract<T>
    where T : ITransport, new()
{
    private readonly List<IDisposable> _disposables = [];
    private ResourceLeakDetector.DetectionLevel _levelBefore;
    private CancellationTokenSource _cancel = null!;

    /// <summary>The time limit of a test.</summary>
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

        // DotNetty's loops spin forever if a task, such as the end of a peer, arrives during shutdown; a quiet period avoids that.
        bool spins = Transport.WhyNot(Capability.ClosesChannelsAtShutdown) is not null;
        TimeSpan quietPeriod = spins ? TimeSpan.FromMilliseconds(50) : TimeSpan.Zero;
        await Group.ShutdownGracefullyAsync(quietPeriod, spins ? quietPeriod : TimeSpan.FromSeconds(1)).WaitAsync(Limit);
        _cancel.Dispose();
        bool detectsLeaks = ResourceLeakDetector.Level == ResourceLeakDetector.DetectionLevel.Paranoid;
        ResourceLeakDetector.Level = _levelBefore;
        if (detectsLeaks)
        {
            LeakDetection.AssertNone();
        }
    }

    /// <summary>Skips the test with a reason on a transport without the capability.</summary>
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

    /// <summary>Starts a listener on a free address.</summary>
    protected async Task<IChannel> Listen(
        Action<IChannel> child, Action<ServerBootstrap>? configure = null, EndPoint? at = null, AddressFamily? family = null)
    {
        var bootstrap = new ServerBootstrap().Group(Group).ChildHandler(new ActionChannelInitializer<IChannel>(child));
        Transport.Use(bootstrap, family);
        configure?.Invoke(bootstrap);
        return await bootstrap.BindAsync(at ?? Transport.NewAddress()).WaitAsync(Cancel);
    }

    /// <summary>Connects a raw socket to a listener under test.</summary>
    protected async Task<Socket> Peer(IChannel listener)
    {
        Socket socket = DisposeLater(Transport.NewSocket());
        await socket.ConnectAsync(Target(listener.LocalAddress), Cancel);
        return socket;
    }

    /// <summary>Returns the address at which a raw socket reaches a listener.</summary>
    protected static EndPoint Target(EndPoint listening) =>
        listening is IPEndPoint ip ? new IPEndPoint(IPAddress.Loopback, ip.Port) : listening;

    /// <summary>Returns an accepted channel under test, its handler, and its peer.</summary>
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

    protected Bootstrap Outgoing(IChannelHandler handler, AddressFamily? family = null)
    {
        var bootstrap = new Bootstrap().Group(Group).Handler(handler);
        Transport.Use(bootstrap, family);
        return bootstrap;
    }

    /// <summary>Returns a raw listening socket on a free address.</summary>
    protected Socket RawListener(int backlog = 16)
    {
        Socket listener = DisposeLater(Transport.NewSocket());
        listener.Bind(Transport.NewAddress());
        listener.Listen(backlog);
        return listener;
    }

    /// <summary>Returns a listener whose queue is full: connects hang, as the kernel drops further SYNs (Unix: EAGAIN).</summary>
    protected async Task<EndPoint> SilentListener()
    {
        Socket listener = RawListener(backlog: 0);
        for (int i = 0; i < (listener.AddressFamily == AddressFamily.Unix ? 1 : 2); i++)
        {
            Socket filler = DisposeLater(Transport.NewSocket());
            _ = filler.ConnectAsync(listener.LocalEndPoint!, Cancel).AsTask()
                .ContinueWith(static t => _ = t.Exception, TaskScheduler.Default);
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

    /// <summary>Runs a function on the channel's loop, behind the tasks queued before.</summary>
    protected async Task<TResult> OnLoop<TResult>(IChannel channel, Func<TResult> function) =>
        await channel.EventLoop.SubmitAsync(function).WaitAsync(Cancel);

    /// <summary>Returns the wake-ups of the channel's loop in 100 idle milliseconds; a spinning loop has tens of thousands.</summary>
    protected async Task<long> WakeUpsWhileIdle(IChannel channel)
    {
        var loop = (EpollEventLoop)channel.EventLoop;
        await OnLoop(channel, () => 0);
        long before = loop.WakeUps;
        await loop.ScheduleAsync(() => { }, TimeSpan.FromMilliseconds(100)).WaitAsync(Cancel);
        return loop.WakeUps - before;
    }

    /// <summary>Returns the exception of a failing task.</summary>
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

    /// <summary>Resets the connection by a close with linger 0.</summary>
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

    /// <summary>Polls a condition until it holds; bounded by <see cref="Cancel"/>.</summary>
    protected async Task Eventually(Func<bool> condition)
    {
        while (!condition())
        {
            await Task.Delay(2, Cancel);
        }
    }
}
