using System.Net;
using DotNetty.Transport.Channels;
using DotNettyFraming.LoadClient.Connecting;
using DotNettyFraming.LoadClient.Measuring;
using DotNettyFraming.LoadClient.Options;
using DotNettyFraming.LoadClient.Reporting;
using DotNettyFraming.LoadClient.Sending;
using HdrHistogram;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.LoadClient;

/// <summary>The phases of a run, for the progress display.</summary>
internal enum LoadPhase
{
    /// <summary>Making connections; with <c>--ramp-up</c> the ones made are sending.</summary>
    Connecting,

    /// <summary>All connections are made, and send.</summary>
    Sending,

    /// <summary>Flushing and closing.</summary>
    Finishing,
}

/// <summary>One whole run: connect, send, flush, close, report.</summary>
/// <remarks>
/// Without <c>--ramp-up</c> the connections are made first and then all start at once: connect latency is not measured against our own
/// load, and packets a second are those of the full number of connections. With it each sends as soon as it is made, for there a growing
/// load is what is asked for. In both cases the duration counts from when all connections are made or have failed, and packets
/// a second are over the whole time from the first write.
/// </remarks>
internal sealed class LoadRun
{
    /// <summary>How long writes on their way may take when the run ends.</summary>
    private static readonly TimeSpan FlushDeadline = TimeSpan.FromSeconds(5);

    /// <summary>How long the server may take to answer our FINs with its own.</summary>
    private static readonly TimeSpan CloseDeadline = TimeSpan.FromSeconds(2);

    private readonly LoadOptions _options;
    private readonly int _allowed;
    private readonly TimeProvider _clock;
    private readonly IEventLoopGroup _group;
    private readonly LoadLoop[] _loops;
    private readonly ConnectionRamp _ramp;
    private readonly PacketShares _shares;
    private volatile LoadPhase _phase = LoadPhase.Connecting;

    /// <summary>Prepares a run; <paramref name="transport"/>'s loops are shut down at its end.</summary>
    /// <param name="options">What to do.</param>
    /// <param name="allowed">Connections to make, at most those of the options.</param>
    /// <param name="target">The server.</param>
    /// <param name="transport">Event loops and channels.</param>
    /// <param name="clock">Time of all kinds.</param>
    /// <param name="logger">For what happens to single connections.</param>
    public LoadRun(LoadOptions options, int allowed, IPEndPoint target, LoadTransport transport, TimeProvider clock, ILogger logger)
    {
        _options = options;
        _allowed = allowed;
        _clock = clock;
        _group = transport.Group;
        var tape = new PacketTape(options.Payload, options.PacketsPerWrite, options.Seed);
        IEventLoop[] eventLoops = [.. _group.Items.Cast<IEventLoop>()];
        _loops = [.. eventLoops.Select((loop, index) =>
            new LoadLoop(loop, index, eventLoops.Length, transport, tape, ConnectionRamp.AttemptTimeout, clock, logger))];
        _ramp = new ConnectionRamp(_loops, target, allowed, options.RampUp, clock);
        _shares = new PacketShares(options.Packets, allowed);
    }

    /// <summary>Where the run is. Any thread.</summary>
    public LoadPhase Phase => _phase;

    /// <summary>Connection attempts that have failed so far. Any thread.</summary>
    public long Failed => _ramp.Failures.Total;

    /// <summary>What has been done so far. Any thread.</summary>
    public LoadTotals Totals() => LoadTotals.Sum(_loops.Select(loop => loop.Counters));

    /// <summary>Runs, once.</summary>
    /// <param name="stop">Ends the run early, orderly, with the full report.</param>
    public async Task<RunReport> RunAsync(CancellationToken stop)
    {
        try
        {
            TimeSpan connecting = await ConnectAsync(stop);
            _phase = LoadPhase.Sending;
            bool ranOut = !stop.IsCancellationRequested && await SendAsync(stop);
            _phase = LoadPhase.Finishing;
            TimeSpan sending = await FinishAsync();
            await ShutDownLoopsAsync();
            return Report(connecting, sending, ranOut, stop.IsCancellationRequested);
        }
        finally
        {
            await ShutDownLoopsAsync();
        }
    }

    private async Task<TimeSpan> ConnectAsync(CancellationToken stop)
    {
        long began = _clock.GetTimestamp();
        if (_options.RampUp is not null)
        {
            foreach (LoadLoop loop in _loops)
            {
                loop.StartImmediately(_shares);
            }
        }

        await _ramp.RunAsync(stop);
        return _clock.GetElapsedTime(began);
    }

    /// <returns>Whether the connections ended before the run did.</returns>
    private async Task<bool> SendAsync(CancellationToken stop)
    {
        int[] waiting = await Task.WhenAll(_loops.Select(loop => loop.CountWaitingAsync()));
        // Those that failed take no share: --packets N are N, as long as one connection was made.
        PacketShares shares = _shares with { Connections = waiting.Sum() };
        int firstOrdinal = 0;
        for (int i = 0; i < _loops.Length; i++)
        {
            await _loops[i].StartAsync(shares, firstOrdinal);
            firstOrdinal += waiting[i];
        }

        Task nothingLeft = Task.WhenAll(_loops.Select(loop => loop.NothingLeft.Task));
        using var timer = CancellationTokenSource.CreateLinkedTokenSource(stop);
        Task duration = Task.Delay(_options.Duration ?? Timeout.InfiniteTimeSpan, _clock, timer.Token);
        bool ended = await Task.WhenAny(nothingLeft, duration) == nothingLeft;
        await timer.CancelAsync();
        // With --packets this is how a run ends, unless connections ended before their shares did; without, only they can end it.
        return ended && Totals() is { Connected: > 0 } totals && !(totals.PacketsSent >= _options.Packets);
    }

    /// <returns>How long was sent.</returns>
    private async Task<TimeSpan> FinishAsync()
    {
        long stopped = _clock.GetTimestamp();
        await OnAllLoops(loop => loop.FinishAsync());
        if (!await CompleteWithin(FlushDeadline, loop => loop.NothingLeft.Task))
        {
            await OnAllLoops(loop => loop.AbandonBusyAsync());
        }

        if (!await CompleteWithin(CloseDeadline, loop => loop.AllClosed.Task))
        {
            await OnAllLoops(loop => loop.AbandonAllAsync());
            await CompleteWithin(CloseDeadline, loop => loop.AllClosed.Task);
        }

        long[] starts = [.. _loops.Select(loop => loop.FirstStart).OfType<long>()];
        long end = _loops.Select(loop => loop.LastTaken).OfType<long>().Append(stopped).Max();
        return starts.Length == 0 ? TimeSpan.Zero : _clock.GetElapsedTime(starts.Min(), end);
    }

    private Task OnAllLoops(Func<LoadLoop, Task> action) => Task.WhenAll(_loops.Select(action));

    private async Task<bool> CompleteWithin(TimeSpan limit, Func<LoadLoop, Task> task)
    {
        Task all = OnAllLoops(task);
        using var timer = new CancellationTokenSource();
        bool completed = await Task.WhenAny(all, Task.Delay(limit, _clock, timer.Token)) == all;
        await timer.CancelAsync();
        return completed;
    }

    /// <summary>Stops the loops' threads; connections are closed before, because a loop that has ended completes nothing.</summary>
    private Task ShutDownLoopsAsync() => _group.ShutdownGracefullyAsync(TimeSpan.Zero, TimeSpan.FromSeconds(1));

    private RunReport Report(TimeSpan connecting, TimeSpan sending, bool ranOut, bool interrupted)
    {
        LongHistogram connect = _loops[0].Counters.ConnectMicroseconds;
        foreach (LoadLoop loop in _loops.Skip(1))
        {
            connect.Add(loop.Counters.ConnectMicroseconds);
        }

        return new RunReport
        {
            Options = _options,
            Allowed = _allowed,
            Totals = Totals(),
            Failures = _ramp.Failures.ByReason(),
            Connecting = connecting,
            Sending = sending,
            Latencies = new Dictionary<LatencyKind, LongHistogram> { [LatencyKind.Connect] = connect },
            Series = [],
            Interrupted = interrupted,
            RanOutOfConnections = ranOut,
        };
    }
}
