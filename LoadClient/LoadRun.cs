using System.Net;
using DotNetty.Transport.Channels;
using DotNettyFraming.LoadClient.Abuse;
using DotNettyFraming.LoadClient.Acknowledging;
using DotNettyFraming.LoadClient.Connecting;
using DotNettyFraming.LoadClient.Measuring;
using DotNettyFraming.LoadClient.Options;
using DotNettyFraming.LoadClient.Reporting;
using DotNettyFraming.LoadClient.Sending;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.LoadClient;

/// <summary>One run: connect, send, flush, close, report.</summary>
/// <remarks>
/// Without <c>--ramp-up</c> all connections are made before the first one sends, so that our own load does not affect connect latency.
/// The duration counts from when all connections are made or have failed, packets per second from the first write.
/// </remarks>
internal sealed class LoadRun
{
    private static readonly TimeSpan FlushDeadline = TimeSpan.FromSeconds(5); // for the writes that are due at the end of the run
    private static readonly TimeSpan CloseDeadline = TimeSpan.FromSeconds(2); // for the server's FINs after ours

    /// <summary>The close deadline with <c>--verify</c>: connections without an answer make the comparison inexact.</summary>
    private static readonly TimeSpan CloseDeadlineOfVerified = TimeSpan.FromSeconds(15);

    /// <summary>The close deadline with <c>--ack</c>: a server waits up to 30 s for the level that it acknowledges.</summary>
    private static readonly TimeSpan CloseDeadlineOfAcknowledged = TimeSpan.FromSeconds(35);

    private static readonly TimeSpan TimetableLead = TimeSpan.FromMilliseconds(5); // for all loops to get a timetable before its start

    private readonly LoadOptions _options;
    private readonly int _allowed;
    private readonly TimeProvider _clock;
    private readonly LoadTransport _transport;
    private readonly ILogger _logger;
    private readonly LoadLoop[] _loops;
    private readonly ConnectionRamp _ramp;
    private readonly PacketShares _shares;
    private readonly AckLine[]? _ackLines;
    private long? _timetableStart;
    private long? _plannedEnd;
    private volatile LoadPhase _phase = LoadPhase.Connecting;

    public LoadRun(
        LoadOptions options,
        int allowed,
        PacketTape tape,
        IReadOnlyList<EndPoint> targets,
        LoadTransport transport,
        ClientTls? tls,
        TimeProvider clock,
        ILogger logger)
    {
        _options = options;
        _allowed = allowed;
        _clock = clock;
        _transport = transport;
        _logger = logger;
        _ackLines = options.AckLogFile is null ? null : new AckLine[allowed];
        IEventLoop[] eventLoops = [.. transport.Group.Items.Cast<IEventLoop>()];
        _loops = [.. eventLoops.Select(loop => new LoadLoop(loop, transport, tls, options, tape, clock, logger)
        {
            AckLines = _ackLines,
            Reconnect = options.Reconnect ? connection => _ = _ramp!.ReconnectAsync(connection) : null,
        })];
        _ramp = new ConnectionRamp(_loops, targets, options.Sources, allowed, options.RampUp, clock);
        _shares = new PacketShares(options.Packets, allowed, options.Rate is null ? 1 : options.PacketsPerWrite);
        Series = new RunSeries(_loops, clock, options.Ack);
        if (options.Abuse is { } abuse)
        {
            // On an event loop of its own, so that hostile peers do not slow the others down inside the client.
            LoadTransport separate = LoadTransport.Of(options.Transport, eventLoops: 1);
            var attack = new Attack(
                abuse,
                () => _ramp.Target,
                SourcesInTurn(),
                separate,
                tls is null ? null : pipeline => tls.AddTo(pipeline.Channel),
                clock,
                logger);
            Abuse = new AbuseSchedule(attack, Series, options.Duration ?? LoadOptions.DefaultDuration, clock);
        }
    }

    public LoadPhase Phase => _phase;

    public long Failed => _ramp.Failures.Total; // any thread
    public RunSeries Series { get; }

    public AbuseSchedule? Abuse { get; } // null without --abuse

    /// <summary>The remaining time to send; null if it is unknown. Any thread.</summary>
    public TimeSpan? TimeLeft => _plannedEnd is long end && _phase == LoadPhase.Sending
        ? TimeSpan.FromTicks(Math.Max(0, _clock.GetElapsedTime(_clock.GetTimestamp(), end).Ticks))
        : null;

    public LoadTotals Totals() => LoadTotals.Sum(_loops.Select(loop => loop.Counters));

    public async Task<RunReport> RunAsync(CancellationToken stop)
    {
        using var over = new CancellationTokenSource();
        Task sampling = Series.RunAsync(_options.Duration + (_options.Abuse?.Deadline ?? TimeSpan.Zero), over.Token);
        try
        {
            TimeSpan connecting = await ConnectAsync(stop);
            _phase = LoadPhase.Sending;
            bool ranOut = !stop.IsCancellationRequested && await SendAsync(stop);
            _phase = LoadPhase.Finishing;
            TimeSpan sending = await FinishAsync(stop);
            await over.CancelAsync();
            await sampling;
            await Series.TakeAsync();
            return Report(connecting, sending, ranOut, stop.IsCancellationRequested);
        }
        finally
        {
            await over.CancelAsync();
            await _transport.ShutDownAsync(_clock, _logger); // after the connections: a loop that has ended completes no task
        }
    }

    private async Task<TimeSpan> ConnectAsync(CancellationToken stop)
    {
        long began = _clock.GetTimestamp();
        if (_options.RampUp is not null)
        {
            for (int i = 0; i < _loops.Length; i++)
            {
                int connections = (_allowed - i + _loops.Length - 1) / _loops.Length;
                _loops[i].StartImmediately(_shares, TimetableOf(i, connections, _allowed));
            }
        }

        await _ramp.RunAsync(stop);
        return _clock.GetElapsedTime(began);
    }

    private async Task<bool> SendAsync(CancellationToken stop)
    {
        int[] waiting = await Task.WhenAll(_loops.Select(loop => loop.CountWaitingAsync()));
        // Failed connections get no share: --packets N are N as long as one connection was made.
        PacketShares shares = _shares with { Connections = waiting.Sum() };
        long began = _clock.GetTimestamp();
        int firstOrdinal = 0;
        for (int i = 0; i < _loops.Length; i++)
        {
            Timetable? timetable = _options.RampUp is null ? TimetableOf(i, waiting[i], shares.Connections) : null;
            await _loops[i].StartAsync(shares, firstOrdinal, timetable);
            firstOrdinal += waiting[i];
        }

        if (_options.Duration is TimeSpan duration && Abuse is null)
        {
            long start = _options.RampUp is null ? _timetableStart ?? began : began;
            _plannedEnd = start + InTimestamps(duration);
            await OnAllLoops(loop => loop.EndAtAsync(_plannedEnd.Value));
        }

        bool ended = await WaitForEndAsync(stop);
        // With --packets, nothing is left when all are sent or when connections ended early; without, only the latter is possible.
        return ended && Totals() is { Connected: > 0 } totals && !(totals.PacketsSent >= _options.Packets);
    }

    /// <summary>Waits for the end of the duration, a signal, or nothing left to send, and returns whether it was the last.</summary>
    private async Task<bool> WaitForEndAsync(CancellationToken stop)
    {
        Task nothingLeft = OnAllLoops(loop => loop.NothingLeft.Task);
        if (Abuse is not null)
        {
            await Abuse.RunAsync(stop);
            return nothingLeft.IsCompleted;
        }

        using var timer = CancellationTokenSource.CreateLinkedTokenSource(stop);
        do
        {
            Task over = Task.Delay(UntilPlannedEnd(), _clock, timer.Token);
            if (await Task.WhenAny(nothingLeft, over) == nothingLeft)
            {
                await timer.CancelAsync();
                return true;
            }
        }
        while (!stop.IsCancellationRequested && UntilPlannedEnd() > TimeSpan.Zero);
        return false;
    }

    /// <summary>Returns the time to the planned end, rounded up to milliseconds, as timers cut off fractions.</summary>
    /// <remarks>Timers can still be early: .NET's use the kernel's coarse clock, which is up to 4 ms behind.</remarks>
    private TimeSpan UntilPlannedEnd() => _plannedEnd is long end
        ? TimeSpan.FromMilliseconds(Math.Max(0, Math.Ceiling(_clock.GetElapsedTime(_clock.GetTimestamp(), end).TotalMilliseconds)))
        : Timeout.InfiniteTimeSpan;

    private async Task<TimeSpan> FinishAsync(CancellationToken stop)
    {
        long stopped = _clock.GetTimestamp();
        long end = Math.Min(_plannedEnd ?? stopped, stopped);
        await OnAllLoops(loop => loop.FinishAsync(end));
        if (!await CompleteWithin(FlushDeadline, loop => loop.NothingLeft.Task, CancellationToken.None) && !_options.Reconnect)
        {
            await OnAllLoops(loop => loop.AbandonBusyAsync());
        }

        TimeSpan closeDeadline = _options.Ack ? CloseDeadlineOfAcknowledged
            : _options.Verify is not null ? CloseDeadlineOfVerified
            : CloseDeadline;
        if (!await CompleteWithin(closeDeadline, loop => loop.AllClosed.Task, stop))
        {
            await OnAllLoops(loop => loop.AbandonAllAsync());
            await CompleteWithin(CloseDeadline, loop => loop.AllClosed.Task, CancellationToken.None);
        }

        _ramp.Stop();
        return SendingTime(end);
    }

    /// <summary>Returns the time from the first write to the end, or to the last write taken after it.</summary>
    private TimeSpan SendingTime(long end)
    {
        long[] starts = [.. _loops.Select(loop => loop.FirstStart).OfType<long>()];
        if (starts.Length == 0)
        {
            return TimeSpan.Zero;
        }

        long start = _timetableStart ?? starts.Min();
        long lastTaken = _loops.Select(loop => loop.LastTaken).OfType<long>().DefaultIfEmpty(start).Max();
        if (_options.Rate is long rate && (_options.Packets is null || Totals().PacketsSent == _options.Packets))
        {
            // Each packet counts with its interval, the last one too: N packets at N per second take a second.
            long due = start + InTimestamps(TimeSpan.FromSeconds((double)Totals().PacketsSent / rate));
            end = _options.Packets is null ? Math.Max(end, due) : due;
        }

        return _clock.GetElapsedTime(start, Math.Max(end, lastTaken));
    }

    private Timetable? TimetableOf(int loop, int connections, int allConnections)
    {
        if (_options.Rate is not long rate || connections == 0)
        {
            return null;
        }

        _timetableStart ??= _clock.GetTimestamp() + InTimestamps(TimetableLead);
        return Timetable.Of(
            _timetableStart.Value,
            rate,
            _options.PacketsPerWrite,
            allConnections,
            connections,
            loop,
            _loops.Length,
            _clock.TimestampFrequency);
    }

    private Func<EndPoint?>? SourcesInTurn()
    {
        int next = 0;
        return _options.Sources.Count == 0 ? null : () => new IPEndPoint(_options.Sources[next++ % _options.Sources.Count], 0);
    }

    private long InTimestamps(TimeSpan time) => (long)(time.TotalSeconds * _clock.TimestampFrequency);

    private Task OnAllLoops(Func<LoadLoop, Task> action) => Task.WhenAll(_loops.Select(action));

    /// <summary>Waits for a task of all loops until a limit, or until <see cref="CloseDeadline"/> after a signal.</summary>
    private async Task<bool> CompleteWithin(TimeSpan limit, Func<LoadLoop, Task> task, CancellationToken stop)
    {
        Task all = OnAllLoops(task);
        await Task.WhenAny(all, Task.Delay(limit, _clock, stop));
        if (stop.IsCancellationRequested)
        {
            await Task.WhenAny(all, Task.Delay(CloseDeadline, _clock, CancellationToken.None));
        }

        return all.IsCompleted;
    }

    private RunReport Report(TimeSpan connecting, TimeSpan sending, bool ranOut, bool interrupted) => new()
    {
        Options = _options,
        Allowed = _allowed,
        Totals = Totals(),
        Failures = _ramp.Failures.ByReason(),
        Connecting = connecting,
        Sending = sending,
        Latencies = Series.Latencies.ByKind,
        Series = Series.Samples,
        Abuse = Abuse?.Outcome,
        AckLines = _ackLines,
        AckFault = _loops.Select(loop => loop.AckFault).FirstOrDefault(fault => fault is not null),
        Interrupted = interrupted,
        RanOutOfConnections = ranOut,
    };
}

/// <summary>The phases of a run, for the progress display.</summary>
internal enum LoadPhase
{
    Connecting, // with --ramp-up, connections that are made send already
    Sending,
    Finishing, // flushing and closing
}
