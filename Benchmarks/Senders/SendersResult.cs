using DotNettyFraming.Benchmarks.Comparison;
using DotNettyFraming.Benchmarks.Load;

namespace DotNettyFraming.Benchmarks.Senders;

/// <summary>One turn: both senders with the same load, one after the other.</summary>
internal sealed record SendersTurn(Workload Load, SenderReading Floor, SenderReading LoadClient)
{
    /// <summary>Packets per second of the load client, divided by the floor sender's.</summary>
    public double Ratio => LoadClient.PacketsPerSecond / Floor.PacketsPerSecond;
}

/// <summary>All turns of a comparison of senders, and the count of packets sent and processed.</summary>
internal sealed record SendersResult(IReadOnlyList<SendersTurn> Turns, CountCheck Check)
{
    /// <summary>The measured loads.</summary>
    public IEnumerable<Workload> Loads => Turns.Select(turn => turn.Load).Distinct();

    /// <summary>Returns a figure over all rounds.</summary>
    public Statistics? Figure(Workload load, Func<SendersTurn, double> figure) =>
        Statistics.Of(Turns.Where(turn => turn.Load == load).Select(figure));
}
