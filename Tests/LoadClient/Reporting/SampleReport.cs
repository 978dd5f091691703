using DotNettyFraming.LoadClient.Measuring;
using DotNettyFraming.LoadClient.Options;
using DotNettyFraming.LoadClient.Reporting;
using HdrHistogram;

namespace DotNettyFraming.Tests.LoadClient.Reporting;

/// <summary>A report of a run with known figures.</summary>
internal static class SampleReport
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    /// <summary>Returns a report of 10 connections (8 made, 1 failed, 1 not attempted) and 1,000 packets of 32 bytes in 2 s.</summary>
    public static RunReport New() => new()
    {
        Options = new LoadOptions { Connections = 10 },
        Allowed = 10,
        Totals = new LoadTotals(Connected: 8, PacketsSent: 1000, BytesSent: 32_000, PacketsUnconfirmed: 0, Ends: [3, 0, 0, 4, 1, 0, 0]),
        Failures = [new("ConnectionRefused", 1)],
        Connecting = TimeSpan.FromSeconds(1),
        Sending = TimeSpan.FromSeconds(2),
        Latencies = new Dictionary<LatencyKind, LongHistogram>
        {
            [LatencyKind.Connect] = HistogramOf(1, 1, 1, 2, 2, 3),
            [LatencyKind.Write] = HistogramOf(5, 6, 7, 800),
        },
        Series =
        [
            new SecondSample(Second, Second, 400, 12_800, 8, 0, Latency.Of(HistogramOf(1, 2, 3)), default),
            new SecondSample(2 * Second, Second, 600, 19_200, 3, 0, default, Latency.Of(HistogramOf(5, 800))),
        ],
        Interrupted = false,
        RanOutOfConnections = false,
    };

    /// <summary>Returns a histogram of these microseconds.</summary>
    public static LongHistogram HistogramOf(params long[] microseconds)
    {
        LongHistogram histogram = LatencyHistogram.New();
        foreach (long value in microseconds)
        {
            histogram.RecordValue(value);
        }

        return histogram;
    }
}
