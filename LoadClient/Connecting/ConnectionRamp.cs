using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;
using DotNettyFraming.LoadClient.Sending;

namespace DotNettyFraming.LoadClient.Connecting;

/// <summary>The making of the connections: at the pace of <c>--ramp-up</c>, on the loops in turn.</summary>
[SuppressMessage("Design", "CA1001", Justification = "Neither field has a wait handle or a timer to dispose of.")]
internal sealed class ConnectionRamp(
    IReadOnlyList<LoadLoop> loops,
    IReadOnlyList<EndPoint> targets,
    IReadOnlyList<IPAddress> sources,
    int connections,
    int? perSecond,
    TimeProvider clock)
{
    /// <summary>A sixteenth of an accept queue (<c>somaxconn</c>); an attempt that overflows it waits a second for its next SYN.</summary>
    public const int MaxConcurrentAttempts = 256;

    public const int HopelessAfter = MaxConcurrentAttempts; // failed attempts, if none succeeded, after which the rest is not tried

    /// <summary>The time for four lost SYNs (1 + 2 + 4 + 8 s) and a little more.</summary>
    public static readonly TimeSpan AttemptTimeout = TimeSpan.FromSeconds(20);

    private static readonly TimeSpan MinPause = TimeSpan.FromMilliseconds(100); // before a connection is made again
    private const int MaxDoublings = 5; // of the pause: 3.2 s at most

    private readonly SemaphoreSlim _slots = new(MaxConcurrentAttempts);
    private readonly CancellationTokenSource _over = new();
    private int _attempted;
    private volatile bool _anyConnected;
    private volatile int _working; // index of the address that the last connection was made to

    public ConnectFailures Failures { get; } = new();
    public EndPoint Target => targets[_working]; // any thread

    /// <summary>Tries every connection once.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        long began = clock.GetTimestamp();
        var attempts = new List<Task>(connections);
        try
        {
            while (_attempted < connections && (_anyConnected || Failures.Total < HopelessAfter))
            {
                await PaceAsync(began, stop);
                await _slots.WaitAsync(stop);
                attempts.Add(AttemptAsync(_attempted, stop));
                _attempted++;
            }

            await Task.WhenAll(attempts).WaitAsync(stop);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Ended early: the loops cancel the pending attempts when they finish.
        }
    }

    /// <summary>Waits until the next attempt is due: attempt n is due n / <c>--ramp-up</c> seconds after the first.</summary>
    private async Task PaceAsync(long began, CancellationToken stop)
    {
        if (perSecond is int rate)
        {
            TimeSpan wait = TimeSpan.FromSeconds((double)_attempted / rate) - clock.GetElapsedTime(began);
            if (wait > TimeSpan.Zero)
            {
                await Task.Delay(wait, clock, stop);
            }
        }
    }

    private IPEndPoint? SourceOf(int connection) => sources.Count == 0 ? null : new IPEndPoint(sources[connection % sources.Count], 0);

    private async Task AttemptAsync(int number, CancellationToken stop)
    {
        LoadLoop loop = loops[number % loops.Count];
        try
        {
            await ConnectAsync(loop, number, () => new SendingHandler(loop, number), stop);
            _anyConnected = true;
        }
        catch (Exception exception)
        {
            // Any kind: it costs one connection and is reported by its reason.
            if (!stop.IsCancellationRequested)
            {
                Failures.Add(exception);
            }
        }
        finally
        {
            _slots.Release();
        }
    }

    /// <summary>Makes a connection again, with back-off, until it is made or is not needed any longer. Any thread.</summary>
    public async Task ReconnectAsync(SendingHandler connection)
    {
        try
        {
            while (!connection.IsOver)
            {
                // From half to one and a half times, so that connections that ended together do not come together.
                TimeSpan pause = MinPause * (1 << Math.Min(connection.Attempts++, MaxDoublings)) * (0.5 + Random.Shared.NextDouble());
                await Task.Delay(pause, clock, _over.Token);
                await _slots.WaitAsync(_over.Token);
                if (!connection.IsOver && await TryConnectAgainAsync(connection))
                {
                    return;
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The run is over.
        }
    }

    /// <summary>Stops making connections again.</summary>
    public void Stop() => _over.Cancel();

    private async Task<bool> TryConnectAgainAsync(SendingHandler connection)
    {
        try
        {
            await ConnectAsync(loops[connection.Number % loops.Count], connection.Number, () => connection, _over.Token);
            return true;
        }
        catch (Exception)
        {
            return false; // the server is not back yet
        }
        finally
        {
            _slots.Release();
        }
    }

    /// <summary>Tries the server's addresses, the one that answered last first, and fails as the first of them.</summary>
    private async Task ConnectAsync(LoadLoop loop, int number, Func<SendingHandler> connection, CancellationToken stop)
    {
        IPEndPoint? source = SourceOf(number);
        Exception? fault = null;
        int first = _working;
        for (int i = 0; i < targets.Count && !stop.IsCancellationRequested; i++)
        {
            int target = (first + i) % targets.Count;
            if (targets.Count > 1 && source is not null && source.AddressFamily != targets[target].AddressFamily)
            {
                continue;
            }

            try
            {
                await loop.ConnectAsync(connection(), targets[target], source);
                _working = target;
                return;
            }
            catch (Exception exception)
            {
                fault ??= exception;
            }
        }

        throw fault ?? new SocketException((int)SocketError.AddressFamilyNotSupported);
    }
}
