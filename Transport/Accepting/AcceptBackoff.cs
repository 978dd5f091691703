using System.Diagnostics;
using DotNetty.Common.Concurrency;
using DotNetty.Common.Internal.Logging;
using DotNettyFraming.Transport.Native;

namespace DotNettyFraming.Transport.Accepting;

/// <summary>
/// The pause of a listener for which the system has no descriptor or memory left.
/// <code>
/// Exhausted -> pause 10 ms, 20, 40 ... 500 ms -> try again
///              a close of ours ---------------^  at once
/// </code>
/// </summary>
/// <remarks>
/// The connection that could not be accepted stays in the backlog and keeps the listener readable, so without a pause
/// the loop would turn as fast as it can, logging each time. The clients wait meanwhile; nobody is refused.
/// On the listener's loop, except <see cref="DescriptorClosed"/>.
/// </remarks>
internal sealed class AcceptBackoff(EpollEventLoop loop, Action resume)
{
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan Longest = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LogInterval = TimeSpan.FromSeconds(1);
    private static readonly IInternalLogger Logger = InternalLoggerFactory.GetInstance<AcceptBackoff>();

    /// <summary>All pauses of the process that wait for a descriptor, as a close on any loop serves each listener.</summary>
    private static readonly List<AcceptBackoff> Waiting = [];
    private static volatile bool _anyWaiting;

    private TimeSpan _next = Shortest;
    private IScheduledTask? _timer;
    private long _lastLogged;

    /// <summary>Whether the listener is paused.</summary>
    public bool IsActive => _timer is not null;

    /// <summary>
    /// Our own process has closed a descriptor: whoever waits for one tries again. Any thread; one look at a field when nobody
    /// waits.
    /// </summary>
    public static void DescriptorClosed()
    {
        if (!_anyWaiting)
        {
            return;
        }

        AcceptBackoff[] waiting;
        lock (Waiting)
        {
            waiting = [.. Waiting];
            Waiting.Clear();
            _anyWaiting = false;
        }

        foreach (AcceptBackoff backoff in waiting)
        {
            backoff.ResumeSoon();
        }
    }

    /// <summary>Begins a pause.</summary>
    public void Pause(int errno)
    {
        Log(errno);
        if (IsActive)
        {
            return;
        }

        lock (Waiting)
        {
            Waiting.Add(this);
            _anyWaiting = true;
        }

        _timer = loop.Schedule(Resume, _next);
        _next = _next * 2 < Longest ? _next * 2 : Longest;
    }

    /// <summary>A connection was accepted: the next pause begins short again.</summary>
    public void Accepted() => _next = Shortest;

    /// <summary>Ends the pause without trying again; the listener closes.</summary>
    public void Cancel()
    {
        lock (Waiting)
        {
            Waiting.Remove(this);
            _anyWaiting = Waiting.Count > 0;
        }

        _timer?.Cancel();
        _timer = null;
    }

    private void ResumeSoon()
    {
        try
        {
            loop.Execute(Resume);
        }
        catch (RejectedExecutionException)
        {
            // The listener's loop has ended, and the listener with it.
        }
    }

    private void Resume()
    {
        if (IsActive)
        {
            Cancel();
            resume();
        }
    }

    private void Log(int errno)
    {
        long now = Stopwatch.GetTimestamp();
        if (_lastLogged == 0 || Stopwatch.GetElapsedTime(_lastLogged, now) >= LogInterval)
        {
            _lastLogged = now;
            Logger.Warn("Cannot accept connections ({}); trying again shortly.", SocketErrors.Name(errno));
        }
    }
}
