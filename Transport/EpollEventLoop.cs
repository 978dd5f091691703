using System.Diagnostics;
using System.Runtime.InteropServices;
using DotNetty.Buffers;
using DotNetty.Common;
using DotNetty.Common.Concurrency;
using DotNetty.Common.Internal.Logging;
using DotNetty.Transport.Channels;
using DotNettyFraming.Transport.EventLoops;
using DotNettyFraming.Transport.Native;

namespace DotNettyFraming.Transport;

/// <summary>
/// An event loop on Linux epoll: one thread waits for sockets, receives, runs the pipeline, runs tasks and timers.
/// <code>
/// wait for events -> dispatch each -> due timers -> tasks -> wait ...
/// </code>
/// </summary>
/// <remarks>
/// <para>
/// It derives from <see cref="AbstractScheduledEventExecutor"/> and not from <see cref="SingleThreadEventLoop"/>, whose
/// loop is private and blocks on its own queue.
/// </para>
/// <para>
/// Threads: <see cref="Execute(IRunnable)"/>, scheduling, <see cref="ShutdownGracefullyAsync(TimeSpan, TimeSpan)"/> and
/// the observing properties may be called from any thread. <c>await</c> in a handler comes back to the loop.
/// </para>
/// <para>
/// Shutdown: channels are closed and timers cancelled first; then tasks run until there have been none for the quiet
/// period, or the time-out is over; then the queue is closed, what it had accepted is run, and from there on
/// <see cref="Execute(IRunnable)"/> throws <see cref="RejectedExecutionException"/>.
/// </para>
/// <para>
/// Above 300 lines, as a third of it is what <see cref="IEventLoop"/> asks to be answered; the loop itself is
/// <c>Run</c> to <c>RunTasks</c>, and its parts are classes of their own.
/// </para>
/// </remarks>
public sealed class EpollEventLoop : AbstractScheduledEventExecutor, IEventLoop
{
    /// <summary>Default size of the receive buffer: what one read takes from the kernel at most, so the bound of a channel's turn. 64 KiB holds 2,000 packets of 32 bytes.</summary>
    public const int DefaultReceiveBufferSize = 64 * 1024;

    /// <summary>What each takes of the limit of open files: epoll's own descriptor, and the one that wakes it.</summary>
    public const int Descriptors = 2;

    private const int Running = 0;
    private const int ShuttingDown = 1;
    private const int Terminated = 2;

    /// <summary>The clock is looked at each so many tasks; tasks beyond <see cref="TaskBudget"/> wait for the next round, behind the sockets.</summary>
    private const int TasksPerClockLook = 64;

    /// <summary>1: on Linux, .NET's clock counts nanoseconds.</summary>
    private static readonly long NanosecondsPerTick = 1_000_000_000 / Stopwatch.Frequency;

    private static readonly long TaskBudget = Stopwatch.Frequency / 1000;
    private static readonly IInternalLogger Logger = InternalLoggerFactory.GetInstance<EpollEventLoop>();
    private static int _lastNumber;

    private readonly TaskQueue _tasks = new();
    private readonly WakeUp _wakeUp;
    private readonly Thread _thread;
    private readonly ExecutorTaskScheduler _scheduler;
    private readonly System.Threading.Tasks.TaskCompletionSource _termination = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private int _state = Running;
    private ShutdownPlan? _shutdown;
    private int _threadId;
    private long _cpuTicksAtEnd = -1;

    /// <summary>Starts a loop with DotNetty's default allocator.</summary>
    /// <param name="parent">The group it belongs to, or <c>null</c>.</param>
    public EpollEventLoop(IEventLoopGroup? parent = null)
        : this(parent, ByteBufferUtil.DefaultAllocator, DefaultReceiveBufferSize)
    {
    }

    /// <summary>Starts a loop.</summary>
    /// <param name="parent">The group it belongs to, or <c>null</c>.</param>
    /// <param name="allocator">Where the receive buffer comes from; a pooled one, as a kept buffer is replaced from there.</param>
    /// <param name="receiveBufferSize">Bytes that one read takes at most.</param>
    /// <exception cref="PlatformNotSupportedException"><see cref="IsSupported"/> is false.</exception>
    /// <exception cref="System.Net.Sockets.SocketException">No descriptor left for the loop's two.</exception>
    public EpollEventLoop(IEventLoopGroup? parent, IByteBufferAllocator allocator, int receiveBufferSize)
        : base(parent)
    {
        ArgumentNullException.ThrowIfNull(allocator);
        ArgumentOutOfRangeException.ThrowIfLessThan(receiveBufferSize, 1);
        if (!IsSupported)
        {
            throw new PlatformNotSupportedException("the epoll transport needs Linux on x86-64 or arm64");
        }

        Poller = new EpollPoller();
        _wakeUp = new WakeUp(Poller);
        Writer = new GatheringWriter();
        ReceiveBuffer = new ReceiveBuffer(allocator, receiveBufferSize);
        _scheduler = new ExecutorTaskScheduler(this);
        _thread = new Thread(Start) { IsBackground = true, Name = $"epoll-{Interlocked.Increment(ref _lastNumber)}" };
        _thread.UnsafeStart();
    }

    /// <summary>Whether this transport runs here: Linux, x86-64 or arm64.</summary>
    public static bool IsSupported =>
        OperatingSystem.IsLinux() && RuntimeInformation.ProcessArchitecture is Architecture.X64 or Architecture.Arm64;

    /// <inheritdoc />
    public new IEventLoopGroup? Parent => (IEventLoopGroup?)base.Parent;

    /// <inheritdoc />
    public new IEnumerable<IEventLoop> Items => [this];

    /// <inheritdoc />
    public override bool IsShuttingDown => Volatile.Read(ref _state) >= ShuttingDown;

    /// <inheritdoc />
    public override bool IsShutdown => Volatile.Read(ref _state) >= Terminated;

    /// <inheritdoc />
    public override bool IsTerminated => _termination.Task.IsCompleted;

    /// <inheritdoc />
    public override Task TerminationCompletion => _termination.Task;

    /// <summary>Tasks waiting to run, timers not counted. Any thread; approximate while tasks come and go. It costs the loop nothing.</summary>
    public int PendingTasks => _tasks.Count;

    /// <summary>How often a wait returned. Any thread; a loop at rest does not count up.</summary>
    public long WakeUps { get; private set; }

    /// <summary>
    /// Processor time that the loop's thread has used, as the kernel accounts it: its growth over a second is the
    /// loop's load. Any thread. It costs the loop nothing, where timing each wait would cost two clock reads a wake-up.
    /// </summary>
    public TimeSpan CpuTime
    {
        get
        {
            long atEnd = Volatile.Read(ref _cpuTicksAtEnd);
            return new TimeSpan(atEnd >= 0 ? atEnd : ReadCpuTicks());
        }
    }

    /// <summary>The kernel's number of the loop's thread; 0 until it has started. For tests.</summary>
    internal int ThreadId => Volatile.Read(ref _threadId);

    internal EpollPoller Poller { get; }

    internal ChannelTable Channels { get; } = new();

    internal ReceiveBuffer ReceiveBuffer { get; }

    internal GatheringWriter Writer { get; }

    /// <summary>A group of loops, which it starts.</summary>
    /// <param name="count">How many; one a processor is a good start.</param>
    public static MultithreadEventLoopGroup NewGroup(int count) => new(group => new EpollEventLoop(group), count);

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

    /// <summary>Runs a task on the loop's thread, in the order of the calls of one thread. What it throws is logged and harms nothing else.</summary>
    /// <exception cref="RejectedExecutionException">The loop has terminated; the task will not run.</exception>
    public override void Execute(IRunnable task)
    {
        ArgumentNullException.ThrowIfNull(task);
        if (!_tasks.TryEnqueue(task))
        {
            throw new RejectedExecutionException($"{_thread.Name} has terminated");
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
                // As a task, and so behind what was asked of the loop before; it also ends the wait.
                Execute(new BeginShutdown(this));
            }
            catch (RejectedExecutionException)
            {
                // The loop has ended by itself (a failure that it logged); TerminationCompletion tells.
            }
        }

        return TerminationCompletion;
    }

    /// <inheritdoc />
    protected override IEnumerable<IEventExecutor> GetItems() => [this];

    private void Start()
    {
        SetCurrentExecutor(this);
        _threadId = LibC.GetThreadId();

        // As a task of our own scheduler, so that `await` in handlers captures it and comes back here.
        _ = Task.Factory.StartNew(Run, CancellationToken.None, TaskCreationOptions.None, _scheduler);
    }

    private void Run()
    {
        Exception? failure = null;
        try
        {
            while (_state == Running || !ShutdownIsComplete())
            {
                Poll();
                RunDueTimers();
                RunTasks();
            }
        }
        catch (Exception e)
        {
            // Handlers and tasks are caught one by one; what arrives here is epoll itself, or a bug of ours.
            Logger.Error("The event loop failed; its channels are closed.", e);
            failure = e;
        }

        Terminate(failure);
    }

    private void Poll()
    {
        long timeout = NanosecondsToWait();
        if (timeout != 0)
        {
            _wakeUp.BeforeWait();
            if (!_tasks.IsEmpty)
            {
                timeout = 0;
            }
        }

        int count = Poller.Wait(timeout);
        _wakeUp.AfterWait();
        WakeUps++;

        for (int i = 0; i < count; i++)
        {
            (uint events, ulong key) = Poller.EventAt(i);
            if (Channels.Find(key) is { } channel)
            {
                Dispatch(channel, events);
            }
        }
    }

    /// <summary>Its own method, so that the loop around it stays free of exception frames.</summary>
    private static void Dispatch(IEpollChannel channel, uint events)
    {
        try
        {
            channel.OnReady(events);
        }
        catch (Exception e)
        {
            // The pipeline catches what handlers throw; this is ours, and costs one channel, not the loop.
            Logger.Error("A channel failed and is closed.", e);
            channel.Pipeline.FireExceptionCaught(e);
            _ = channel.Unsafe.CloseAsync();
        }
    }

    /// <summary>0 while tasks wait, −1 when nothing is due ever.</summary>
    private long NanosecondsToWait()
    {
        if (!_tasks.IsEmpty)
        {
            return 0;
        }

        long due = PeekScheduledTask()?.Deadline.Ticks ?? long.MaxValue;
        if (_state == ShuttingDown)
        {
            due = Math.Min(due, _shutdown!.NextLook());
        }

        if (due == long.MaxValue)
        {
            return -1;
        }

        return Math.Max(0, (due - GetNanos().Ticks) * NanosecondsPerTick);
    }

    private void RunDueTimers()
    {
        if (ScheduledTaskQueue.Count == 0)
        {
            return;
        }

        PreciseTimeSpan now = GetNanos();
        while (PollScheduledTask(now) is { } timer)
        {
            SafeExecute(timer);
        }
    }

    private void RunTasks()
    {
        if (_tasks.IsEmpty)
        {
            return;
        }

        long end = 0;
        for (int run = 1; _tasks.TryDequeue(out IRunnable? task); run++)
        {
            SafeExecute(task);
            if (run % TasksPerClockLook == 0)
            {
                long now = Stopwatch.GetTimestamp();
                if (end == 0)
                {
                    end = now + TaskBudget;
                }
                else if (now >= end)
                {
                    break;
                }
            }
        }

        _shutdown?.Ran(GetNanos().Ticks);
    }

    private bool ShutdownIsComplete()
    {
        CancelScheduledTasks();
        long now = GetNanos().Ticks;
        return _shutdown!.IsOver(now) || (_tasks.IsEmpty && _shutdown.IsQuiet(now));
    }

    private void Terminate(Exception? failure)
    {
        Volatile.Write(ref _state, ShuttingDown);
        CloseAllChannels();
        RunTasks();
        _tasks.Close();
        while (_tasks.TryDequeue(out IRunnable? accepted))
        {
            SafeExecute(accepted);
        }

        CancelScheduledTasks();

        Volatile.Write(ref _state, Terminated);
        _wakeUp.AwaitWakers();
        Poller.Dispose();
        Writer.Dispose();
        ReceiveBuffer.Release();

        // The thread's caches of DotNetty's pools would otherwise keep their memory for ever.
        FastThreadLocal.RemoveAll();
        Volatile.Write(ref _cpuTicksAtEnd, ReadCpuTicks());
        if (failure is null)
        {
            _termination.TrySetResult();
        }
        else
        {
            _termination.TrySetException(failure);
        }
    }

    private void CloseAllChannels()
    {
        foreach (IEpollChannel channel in Channels.ToArray())
        {
            _ = channel.Unsafe.CloseAsync();
        }
    }

    private unsafe long ReadCpuTicks()
    {
        // The clock of one thread of this process, as pthread_getcpuclockid(3) derives it from the thread's id:
        // the complement in the upper bits, CPUCLOCK_PERTHREAD (4) and CPUCLOCK_SCHED (2) in the lower three.
        int clock = (~Volatile.Read(ref _threadId) << 3) | 6;
        var time = default(LibC.TimeSpec);
        return _threadId == 0 || LibC.ClockGetTime(clock, &time) < 0
            ? 0
            : (time.Seconds * TimeSpan.TicksPerSecond) + (time.Nanoseconds / TimeSpan.NanosecondsPerTick);
    }

    private sealed class BeginShutdown(EpollEventLoop loop) : IRunnable
    {
        public void Run()
        {
            loop._shutdown!.Start(GetNanos().Ticks);
            Volatile.Write(ref loop._state, ShuttingDown);
            loop.CloseAllChannels();
        }
    }
}
