using System.Runtime.InteropServices;
using DotNetty.Buffers;
using DotNetty.Common.Concurrency;
using DotNetty.Common.Internal.Logging;
using DotNetty.Transport.Channels;
using DotNettyFraming.Transport.EventLoops;
using DotNettyFraming.Transport.Native;

namespace DotNettyFraming.Transport;

/// <summary>
/// An event loop on Linux epoll: one thread polls sockets, receives, and runs pipelines, tasks and timers.
/// <code>
/// wait for events -> dispatch each -> due timers -> tasks -> wait ...
/// </code>
/// </summary>
/// <remarks>
/// <para>
/// It derives from <see cref="AbstractEventExecutor"/>: the loop of <see cref="SingleThreadEventLoop"/> is private and blocks on
/// its own queue, and the timers of <see cref="AbstractScheduledEventExecutor"/> search an array to cancel one.
/// </para>
/// <para>
/// Threads: <see cref="Execute(IRunnable)"/>, scheduling, <see cref="ShutdownGracefullyAsync(TimeSpan, TimeSpan)"/> and
/// the observing properties may be called from any thread. <c>await</c> in a handler returns to the loop.
/// </para>
/// <para>
/// Shutdown closes channels and cancels timers first. Then tasks run until none has run for the quiet period, or until the
/// time-out. Then the queue is closed, its last tasks run, and <see cref="Execute(IRunnable)"/> throws
/// <see cref="RejectedExecutionException"/>.
/// </para>
/// </remarks>
public sealed partial class EpollEventLoop : AbstractEventExecutor, IEventLoop
{
    /// <summary>The default size of the receive buffer, the maximum of one read: 64 KiB, or 2,000 packets of 32 bytes.</summary>
    public const int DefaultReceiveBufferSize = 64 * 1024;

    /// <summary>The descriptors of one loop: the epoll instance and the eventfd that wakes it.</summary>
    public const int Descriptors = 2;

    private static readonly IInternalLogger Logger = InternalLoggerFactory.GetInstance<EpollEventLoop>();
    private static int _lastNumber;

    private readonly TaskQueue _tasks = new();
    private readonly WakeUp _wakeUp;
    private readonly Thread _thread;
    private readonly ExecutorTaskScheduler _scheduler;
    private readonly System.Threading.Tasks.TaskCompletionSource _termination = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private volatile State _state;
    private ShutdownPlan? _shutdown;
    private int _threadId;
    private long _cpuTicksAtEnd = -1;

    /// <summary>Starts a loop without a group, with DotNetty's default allocator.</summary>
    public EpollEventLoop()
        : this(null, ByteBufferUtil.DefaultAllocator, DefaultReceiveBufferSize)
    {
    }

    /// <summary>Starts a loop.</summary>
    /// <param name="parent">The loop's group, or <c>null</c>.</param>
    /// <param name="allocator">The source of receive buffers. It should be pooled: a buffer that a handler keeps is replaced.</param>
    /// <param name="receiveBufferSize">The maximum number of bytes per read.</param>
    /// <exception cref="PlatformNotSupportedException"><see cref="IsSupported"/> is false.</exception>
    /// <exception cref="System.Net.Sockets.SocketException">No descriptor is left.</exception>
    public EpollEventLoop(IEventLoopGroup? parent, IByteBufferAllocator allocator, int receiveBufferSize)
        : this(parent, allocator, receiveBufferSize, static thread => thread.UnsafeStart())
    {
    }

    /// <summary>Starts a loop with a replacement for starting its thread. For tests.</summary>
    internal EpollEventLoop(IEventLoopGroup? parent, IByteBufferAllocator allocator, int receiveBufferSize, Action<Thread> start)
        : base(parent)
    {
        ArgumentNullException.ThrowIfNull(allocator);
        ArgumentOutOfRangeException.ThrowIfLessThan(receiveBufferSize, 1);
        if (!IsSupported)
        {
            throw new PlatformNotSupportedException("the epoll transport needs Linux on x86-64 or arm64");
        }

        ReceiveBuffer = new ReceiveBuffer(allocator, receiveBufferSize);
        _scheduler = new ExecutorTaskScheduler(this);
        _thread = new Thread(Start) { IsBackground = true, Name = $"epoll-{Interlocked.Increment(ref _lastNumber)}" };
        Writer = new GatheringWriter();
        try
        {
            Poller = new EpollPoller();
            _wakeUp = new WakeUp(Poller);
            start(_thread);
        }
        catch
        {
            Poller?.Dispose();
            Writer.Dispose();
            throw;
        }
    }

    private enum State
    {
        Running,
        ShuttingDown,
        Terminated,
    }

    /// <summary>Whether this transport runs on this machine: Linux on x86-64 or arm64.</summary>
    public static bool IsSupported =>
        OperatingSystem.IsLinux() && RuntimeInformation.ProcessArchitecture is Architecture.X64 or Architecture.Arm64;

    /// <inheritdoc />
    public new IEventLoopGroup? Parent => (IEventLoopGroup?)base.Parent;

    /// <inheritdoc />
    public new IEnumerable<IEventLoop> Items => [this];

    /// <inheritdoc />
    public override bool IsShuttingDown => _state >= State.ShuttingDown;

    /// <inheritdoc />
    public override bool IsShutdown => _state >= State.Terminated;

    /// <inheritdoc />
    public override bool IsTerminated => _termination.Task.IsCompleted;

    /// <inheritdoc />
    public override Task TerminationCompletion => _termination.Task;

    /// <summary>The number of tasks that wait, without timers. Any thread; approximate; costs the loop nothing.</summary>
    public int PendingTasks => _tasks.Count;

    /// <summary>The number of waits that returned; constant while the loop is at rest. Any thread.</summary>
    public long WakeUps { get; private set; }

    /// <summary>The processor time of the loop's thread, as the kernel counts it. Any thread.</summary>
    /// <remarks>Its growth per second is the loop's load. Timing each wait instead would cost two clock reads per wake-up.</remarks>
    public TimeSpan CpuTime
    {
        get
        {
            long atEnd = Volatile.Read(ref _cpuTicksAtEnd);
            return new TimeSpan(atEnd >= 0 ? atEnd : ReadCpuTicks());
        }
    }

    /// <summary>The kernel's id of the loop's thread; 0 until it has started. For tests.</summary>
    internal int ThreadId => Volatile.Read(ref _threadId);

    internal EpollPoller Poller { get; }

    internal ChannelTable Channels { get; } = new();

    internal ReceiveBuffer ReceiveBuffer { get; }

    internal GatheringWriter Writer { get; }

    /// <summary>Starts a group of loops.</summary>
    /// <param name="count">The number of loops; start with one per processor.</param>
    public static MultithreadEventLoopGroup NewGroup(int count) =>
        new(group => new EpollEventLoop(group, ByteBufferUtil.DefaultAllocator, DefaultReceiveBufferSize), count);

    /// <inheritdoc />
    public new IEventLoop GetNext() => this;

    /// <inheritdoc />
    public Task RegisterAsync(IChannel channel)
    {
        ArgumentNullException.ThrowIfNull(channel);
        return channel.Unsafe.RegisterAsync(this);
    }

    /// <inheritdoc />
    public override bool IsInEventLoop(Thread thread) => thread == _thread;

    /// <summary>Runs a task on the loop's thread, in the caller's order. An exception of the task is logged.</summary>
    /// <exception cref="RejectedExecutionException">The loop has terminated; the task will not run.</exception>
    public override void Execute(IRunnable task)
    {
        ArgumentNullException.ThrowIfNull(task);
        if (!_tasks.TryEnqueue(task))
        {
            throw Rejection();
        }

        _wakeUp.Signal();
    }

    /// <inheritdoc />
    public override Task ShutdownGracefullyAsync(TimeSpan quietPeriod, TimeSpan timeout)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(quietPeriod, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThan(timeout, quietPeriod);

        var plan = new ShutdownPlan(quietPeriod, timeout);
        if (Interlocked.CompareExchange(ref _shutdown, plan, null) is null)
        {
            try
            {
                // As a task it runs behind earlier tasks, and it ends the wait.
                Execute(new StartShutdown(this));
            }
            catch (RejectedExecutionException)
            {
                // The loop has failed, logged that, and terminated; TerminationCompletion has the exception.
            }
        }

        return TerminationCompletion;
    }

    /// <inheritdoc />
    protected override IEnumerable<IEventExecutor> GetItems() => [this];

    private RejectedExecutionException Rejection() => new($"{_thread.Name} has terminated");

    private unsafe long ReadCpuTicks()
    {
        // The clock id of a thread as pthread_getcpuclockid(3) derives it: the complement of the thread id in the upper bits,
        // CPUCLOCK_PERTHREAD (4) and CPUCLOCK_SCHED (2) in the lower three.
        int clock = (~Volatile.Read(ref _threadId) << 3) | 6;
        var time = default(LibC.TimeSpec);
        return _threadId == 0 || LibC.ClockGetTime(clock, &time) < 0
            ? 0
            : (time.Seconds * TimeSpan.TicksPerSecond) + (time.Nanoseconds / TimeSpan.NanosecondsPerTick);
    }
}
