using HdrHistogram;

namespace DotNettyFraming.LoadClient.Measuring;

/// <summary>Latencies of each kind, over some time. One thread at a time.</summary>
internal sealed class LatencyInterval
{
    /// <summary><see cref="LatencyKind.Connect"/>, microseconds.</summary>
    public LongHistogram Connect { get; } = LatencyHistogram.New();

    /// <summary><see cref="LatencyKind.Write"/>, microseconds.</summary>
    public LongHistogram Write { get; } = LatencyHistogram.New();

    /// <summary>All of them by kind.</summary>
    public IReadOnlyDictionary<LatencyKind, LongHistogram> ByKind => new Dictionary<LatencyKind, LongHistogram>
    {
        [LatencyKind.Connect] = Connect,
        [LatencyKind.Write] = Write,
    };

    /// <summary>Adds another interval's latencies.</summary>
    public void Add(LatencyInterval other)
    {
        Connect.Add(other.Connect);
        Write.Add(other.Write);
    }

    /// <summary>Forgets everything.</summary>
    public void Reset()
    {
        Connect.Reset();
        Write.Reset();
    }
}
