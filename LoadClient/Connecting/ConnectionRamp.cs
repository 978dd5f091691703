using System.Net;
using System.Net.Sockets;
using DotNettyFraming.LoadClient.Sending;

namespace DotNettyFraming.LoadClient.Connecting;

/// <summary>Makes the connections: at the asked pace, and with a bounded number of attempts under way.</summary>
/// <remarks>
/// The loops take the connections in turn. The attempts run at most <see cref="MostAttemptsAtOnce"/> at a time: a server's accept queue
/// holds at most <c>somaxconn</c> (4,096 by default), and what overflows it waits a second for the next SYN.
/// </remarks>
internal sealed class ConnectionRamp(
    IReadOnlyList<LoadLoop> loops,
    IReadOnlyList<IPEndPoint> targets,
    IReadOnlyList<IPAddress> sources,
    int connections,
    int? perSecond,
    TimeProvider clock)
{
    /// <summary>Attempts under way at once: enough for thousands of connections a second, a sixteenth of a full accept queue.</summary>
    public const int MostAttemptsAtOnce = 256;

    public const int HopelessAfter = MostAttemptsAtOnce; // when so many attempts have failed and none succeeded, the rest is not tried

    /// <summary>How long one attempt may take: four lost SYNs (1 + 2 + 4 + 8 s) and a little.</summary>
    public static readonly TimeSpan AttemptTimeout = TimeSpan.FromSeconds(20);

    private int _attempted;
    private volatile bool _anyConnected;
    private volatile int _working; // index of the address that the last connection was made to

    public ConnectFailures Failures { get; } = new(); // the attempts that failed
    public IPEndPoint Target => targets[_working]; // the address that connections are made to. Any thread

    /// <summary>Tries every connection once.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        var slots = new SemaphoreSlim(MostAttemptsAtOnce);
        long began = clock.GetTimestamp();
        var attempts = new List<Task>(connections);
        try
        {
            while (_attempted < connections && (_anyConnected || Failures.Total < HopelessAfter))
            {
                await PaceAsync(began, stop);
                await slots.WaitAsync(stop);
                attempts.Add(AttemptAsync(_attempted, slots, stop));
                _attempted++;
            }

            await Task.WhenAll(attempts).WaitAsync(stop);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Ended early: the loops give up the attempts under way when they finish.
        }
    }

    /// <summary>
    /// Attempt n is due n / <c>--ramp-up</c> seconds after the first; what the timer's grain makes late is caught up with.
    /// </summary>
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

    /// <summary>Any port of the addresses in turn.</summary>
    private IPEndPoint? SourceOf(int connection) => sources.Count == 0 ? null : new IPEndPoint(sources[connection % sources.Count], 0);

    private async Task AttemptAsync(int connection, SemaphoreSlim slots, CancellationToken stop)
    {
        try
        {
            await ConnectAsync(connection, stop);
            _anyConnected = true;
        }
        catch (Exception exception)
        {
            // Whatever it was, it cost one connection and is told by its reason; the other connections go on.
            if (!stop.IsCancellationRequested)
            {
                Failures.Add(exception);
            }
        }
        finally
        {
            slots.Release();
        }
    }

    /// <summary>Tries the server's addresses in turn, the one that answered last first; faults as the first that was tried.</summary>
    private async Task ConnectAsync(int connection, CancellationToken stop)
    {
        IPEndPoint? source = SourceOf(connection);
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
                await loops[connection % loops.Count].ConnectAsync(connection, targets[target], source);
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
