using System.Diagnostics;
using DotNetty.Common;
using DotNetty.Common.Concurrency;
using DotNettyFraming.Transport.EventLoops;
using DotNettyFraming.Transport.Native;

namespace DotNettyFraming.Transport;

/// <content>The loop's thread, from its start to its end.</content>
public sealed partial class EpollEventLoop
{
    /// <summary>1: on Linux, .NET's clock counts nanoseconds.</summary>
    private static readonly long NanosecondsPerTick = 1_000_000_000 / Stopwatch.Frequency;

    /// <summary>The time that timers may take, and then tasks, before the sockets have their turn again: 1 ms.</summary>
    private static readonly long Budget = Stopwatch.Frequency / 1000;

    /// <summary>
    /// The time as <see cref="RunDueTimers"/> has just read it; 0 = something has run since. Spares the packet path a clock read.
    /// </summary>
    private long _clock;

    private static long Now => PreciseTimeSpan.FromStart.Ticks;

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
            while (_state == State.Running || !ShutdownIsComplete())
            {
                Poll();
                RunDueTimers();
                RunTasks();
            }
        }
        catch (Exception e)
        {
            // Handlers and tasks are caught one by one; what arrives here is epoll itself, or a bug of ours.
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

        long due = _timers.Earliest;
        if (_state == State.ShuttingDown)
        {
            due = Math.Min(due, _shutdown!.NextCheck);
        }

        if (due == long.MaxValue)
        {
            return -1;
        }

        long now = _clock == 0 ? Now : _clock;
        return Math.Max(0, (due - now) * NanosecondsPerTick);
    }

    private void RunDueTimers()
    {
        _clock = 0;
        if (_timers.Count == 0)
        {
            return;
        }

        // Those due now, and not those that they set.
        long due = Now;
        _clock = due;
        while (_timers.TakeDue(due) is { } timer)
        {
            SafeExecute(timer);
            _clock = 0;
            if (_timers.Earliest > due || Now - due >= Budget)
            {
                break;
            }
        }
    }

    private void RunTasks()
    {
        if (_tasks.IsEmpty)
        {
            return;
        }

        _clock = 0;
        long end = 0;
        while (_tasks.TryDequeue(out IRunnable? task))
        {
            SafeExecute(task);
            if (_tasks.IsEmpty)
            {
                break;
            }

            // After each one: a single task may take longer than the budget.
            long now = Stopwatch.GetTimestamp();
            if (end == 0)
            {
                end = now + Budget;
            }
            else if (now >= end)
            {
                break;
            }
        }

        _shutdown?.Ran(Now);
    }

    private bool ShutdownIsComplete()
    {
        _timers.CancelAll();
        long now = Now;
        return _shutdown!.IsOver(now) || (_tasks.IsEmpty && _shutdown.IsQuiet(now));
    }

    /// <summary>Ends the loop. Whatever fails on the way, the steps behind it are taken and the termination completes.</summary>
    private void Terminate(Exception? failure)
    {
        _state = State.ShuttingDown;
        if (failure is not null)
        {
            Attempt(() => Logger.Error("The event loop failed; its channels are closed.", failure));
        }

        Attempt(CloseAllChannels);
        Attempt(RunRemainingTasks);
        Attempt(CloseTimers);
        _state = State.Terminated;
        _wakeUp.AwaitWakers();
        Attempt(Poller.Dispose);
        Attempt(Writer.Dispose);
        Attempt(ReceiveBuffer.Release);

        // The thread's caches of DotNetty's pools are released by its ThreadDeathWatcher. FastThreadLocal.RemoveAll() would
        // release them here, but throws where a buffer of this thread was released by another.
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

    private static void Attempt(Action step)
    {
        try
        {
            step();
        }
        catch (Exception e)
        {
            try
            {
                Logger.Error("A step of an event loop's end failed.", e);
            }
            catch (Exception)
            {
                // A logger that throws must not keep the loop from its end, and there is no other place to report it.
            }
        }
    }

    private void CloseAllChannels()
    {
        foreach (IEpollChannel channel in Channels.ToArray())
        {
            Attempt(() => _ = channel.Unsafe.CloseAsync());
        }
    }

    private void RunRemainingTasks()
    {
        RunTasks();
        _tasks.Close();
        while (_tasks.TryDequeue(out IRunnable? accepted))
        {
            SafeExecute(accepted);
        }
    }

    private sealed class BeginShutdown(EpollEventLoop loop) : IRunnable
    {
        public void Run()
        {
            loop._shutdown!.Start(Now);
            loop._state = State.ShuttingDown;
            loop.CloseAllChannels();
        }
    }
}
