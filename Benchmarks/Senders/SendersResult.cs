using DotNettyFraming.Benchmarks.Comparison;
using DotNettyFraming.Benchmarks.Load;

namespace DotNettyFraming.Benchmarks.Senders;

/// <summary>One turn: both senders with the same load, one behind the other.</summary>
/// <param name="Load">What they sent.</param>
/// <param name="Floor">What the floor sender came to.</param>
/// <param name="LoadClient">What the load client came to.</param>
internal sealed record SendersTurn(Workload Load, SenderReading Floor, SenderReading LoadClient)
{
    /// <summary>Packets a second of the load client, by those of the floor sender.</summary>
    public double Ratio => LoadClient.PacketsASecond / Floor.PacketsASecond;
}

/// <summary>All that a comparison of senders measured.</summary>
/// <param name="Turns">Every turn.</param>
/// <param name="Check">What both said they sent, against what the server says it has processed.</param>
internal sealed record SendersResult(IReadOnlyList<SendersTurn> Turns, CountCheck Check)
{
    /// <summary>The loads that were measured, in order.</summary>
    public IEnumerable<Workload> Loads => Turns.Select(turn => turn.Load).Distinct();

    /// <summary>One figure over all rounds.</summary>
    public Statistics? Figure(Workload load, Func<SendersTurn, double> figure) =>
        Statistics.Of(Turns.Where(turn => turn.Load == load).Select(figure));
}
