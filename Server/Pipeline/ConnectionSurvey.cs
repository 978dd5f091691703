using DotNettyFraming.Server.Limits;
using DotNettyFraming.Server.Metrics;

namespace DotNettyFraming.Server.Pipeline;

/// <summary>Finds the busiest and the oldest connections of one event loop, for the live page. Threads: its event loop only.</summary>
internal sealed class ConnectionSurvey(IReadOnlyCollection<Connection> connections, DeadlineSweep clock)
{
    /// <summary>After a longer gap, the bytes since the previous survey do not show the current rate.</summary>
    private static readonly TimeSpan MaxGap = TimeSpan.FromSeconds(3);

    private long? _previous;

    /// <summary>Returns up to <paramref name="max"/> connections of each kind; the busiest are known from the second survey on.</summary>
    public PeerSurvey Run(int max)
    {
        TimeSpan gap = _previous is { } previous ? clock.Since(previous) : TimeSpan.MaxValue;
        bool knowsBusy = gap <= MaxGap;
        _previous = clock.Now;
        var busiest = new PriorityQueue<Connection, long>(max);
        var oldest = new PriorityQueue<Connection, long>(max);
        foreach (Connection connection in connections)
        {
            Offer(oldest, connection, -connection.Source.ConnectionId, max);
            if (knowsBusy && connection.BytesSinceSurvey > 0)
            {
                Offer(busiest, connection, connection.BytesSinceSurvey, max);
            }
        }

        var survey = new PeerSurvey(
            [.. busiest.UnorderedItems.Select(item => item.Element.State(gap))],
            [.. oldest.UnorderedItems.Select(item => item.Element.State(gap))]);
        foreach (Connection connection in connections)
        {
            connection.Surveyed();
        }

        return survey;
    }

    /// <summary>Adds a connection to the <paramref name="max"/> with the greatest priorities.</summary>
    private static void Offer(PriorityQueue<Connection, long> kept, Connection connection, long priority, int max)
    {
        if (kept.Count < max)
        {
            kept.Enqueue(connection, priority);
        }
        else if (kept.TryPeek(out _, out long least) && priority > least)
        {
            kept.EnqueueDequeue(connection, priority);
        }
    }
}
