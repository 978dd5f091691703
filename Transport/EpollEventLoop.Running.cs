using System.Diagnostics;
using DotNetty.Common;
using DotNetty.Common.Concurrency;
using DotNettyFraming.Transport.EventLoops;
using DotNettyFraming.Transport.Native;

namespace DotNettyFraming.Transport;

/// <content>The loop's thread, from start to end.</content>
public sealed partial class EpollEventLoop
{
    // 1 on Linux, where .NET's clock counts nanoseconds.
    private static readonly long NanosecondsPerTick = 1_000_000_000 / Stopwatch.Frequency;

    /// <summary>The time that timers, and then tasks, may take before the sockets are polled again: 1 ms.</summary>
    private static readonly long Budget = Stopwatch.Frequency / 1000;

    /// <summary>The distance at which an event's channel is prefetched, and then the objects that it refers to.</summary>
    /// <remarks>With many connections they are in no cache. Measured: 0.7 to 7.6 % less CPU time per read with 4,000 connections.</remarks>
    private const int ChannelsAhead = 8, PartsAhead = 4;

    /// <summary>The time that <see cref="RunDueTimers"/> read; 0 once something has run. Saves the packet path a clock read.</summary>
    private long _clock;

    private static long Now => PreciseTimeSpan.FromStart.Ticks;

    private void Start()
    {
        SetCurrentExecutor(this);
        _threadId = LibC.GetThreadId();

        // A task of our own scheduler, so that `await` in handlers captures it and returns to this thread.
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
            // Handlers and tasks are caught one by one. An exception here is a failure of epoll, or a bug.
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
            if (i + ChannelsAhead < count)
            {
                Channels.Prefetch(Poller.EventAt(i + ChannelsAhead).Key);
            }

            if (i + PartsAhead < count)
            {
                Channels.Find(Poller.EventAt(i + PartsAhead).Key)?.Prefetch();
            }

            (uint events, ulong key) = Poller.EventAt(i);
            if (Channels.Find(key) is { } channel)
            {
                Dispatch(channel, events);
            }
        }
    }

    // A method of its own, so that the loop around it has no exception frame.
    private static void Dispatch(IEpollChannel channel, uint events)
    {
        try
        {
            channel.OnReady(events);
        }
        catch (Exception e)
        {
            // The pipeline catches exceptions of handlers. This one is the transport's: it costs one channel, not the loop.
            Logger.Error("A channel failed and is closed.", e);
            channel.Pipeline.FireExceptionCaught(e);
            _ = channel.Unsafe.CloseAsync();
        }
    }

    /// <summary>Returns 0 while tasks wait, −1 when nothing is scheduled.</summary>
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

        // Only those due now, not those that they schedule.
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

            // Checked after each task: a single one may exceed the budget.
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

    /// <summary>Ends the loop. If a step fails, the next ones still run and the termination completes.</summary>
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

        // DotNetty's ThreadDeathWatcher releases the thread's pool caches. FastThreadLocal.RemoveAll() would do it here, but
        // throws if another thread has released a buffer of this one.
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
                // A logger that throws must not stop the shutdown, and there is no other place to report it.
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

    private sealed class StartShutdown(EpollEventLoop loop) : IRunnable
    {
        public void Run()
        {
            loop._shutdown!.Start(Now);
            loop._state = State.ShuttingDown;
            loop.CloseAllChannels();
        }
    }
}
