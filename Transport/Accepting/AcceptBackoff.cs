using System.Diagnostics;
using DotNetty.Common.Concurrency;
using DotNetty.Common.Internal.Logging;
using DotNettyFraming.Transport.Native;

namespace DotNettyFraming.Transport.Accepting;

/// <summary>
/// The pause of a listener while the system has no descriptor or memory left.
/// <code>
/// Exhausted -> pause 10 ms, 20, 40 ... 500 ms -> try again
///              own close of a descriptor -----^  immediately
/// </code>
/// </summary>
/// <remarks>
/// A connection that could not be accepted stays in the backlog and keeps the listener readable. Without a pause the loop
/// would spin and log each failure. Clients wait in the backlog meanwhile and are not refused.
/// On the listener's loop, except <see cref="DescriptorClosed"/>.
/// </remarks>
internal sealed class AcceptBackoff(EpollEventLoop loop, Action resume)
{
    private static readonly TimeSpan MinPause = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan MaxPause = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LogInterval = TimeSpan.FromSeconds(1);
    private static readonly IInternalLogger Logger = InternalLoggerFactory.GetInstance<AcceptBackoff>();

    /// <summary>The pauses of this process that wait for a descriptor; a close on any loop serves every listener.</summary>
    private static readonly List<AcceptBackoff> Waiting = [];
    private static volatile bool _anyWaiting;

    private TimeSpan _next = MinPause;
    private IScheduledTask? _timer;
    private long _lastLogged;

    public bool IsActive => _timer is not null;

    /// <summary>Resumes all waiting listeners: this process has closed a descriptor. Any thread; one field read when none waits.</summary>
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

    /// <summary>Starts a pause unless one is active.</summary>
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
        _next = _next * 2 < MaxPause ? _next * 2 : MaxPause;
    }

    /// <summary>Resets the length of the next pause: a connection was accepted.</summary>
    public void Accepted() => _next = MinPause;

    /// <summary>Ends the pause without resuming; the listener closes.</summary>
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
