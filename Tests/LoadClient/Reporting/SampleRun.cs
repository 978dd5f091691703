using DotNettyFraming.LoadClient.Measuring;
using DotNettyFraming.LoadClient.Options;
using DotNettyFraming.LoadClient.Reporting;
using HdrHistogram;

namespace DotNettyFraming.Tests.LoadClient.Reporting;

/// <summary>A realistic run: connections ramp up to about 150,000 packets per second with noise; one second per hour stalls.</summary>
internal static class SampleRun
{
    private const int Connections = 10_000;
    private const int RampUp = 500; // connections per second
    private const int PacketBytes = 32;

    /// <summary>Returns the report of a run of this length, always the same.</summary>
    public static RunReport Of(int seconds)
    {
        var random = new Random(1);
        LongHistogram connects = LatencyHistogram.New();
        LongHistogram writes = LatencyHistogram.New();
        SecondSample[] series = [.. Enumerable.Range(1, seconds).Select(second => Sample(second, random, connects, writes))];
        long packets = series.Sum(sample => sample.Packets);
        long made = Math.Min(Connections, (long)seconds * RampUp);
        return SampleReport.New() with
        {
            Options = new LoadOptions { Connections = Connections, RampUp = RampUp, Duration = TimeSpan.FromSeconds(seconds), Seed = 7 },
            Allowed = Connections,
            Totals = new LoadTotals(made, packets, packets * PacketBytes, PacketsUnconfirmed: 0, Ends: [made - 3, 0, 0, 2, 1, 0, 0]),
            Failures = [],
            Connecting = TimeSpan.FromSeconds(made / (double)RampUp),
            Sending = TimeSpan.FromSeconds(seconds),
            Latencies = new Dictionary<LatencyKind, LongHistogram> { [LatencyKind.Connect] = connects, [LatencyKind.Write] = writes },
            Series = series,
        };
    }

    private static SecondSample Sample(int second, Random random, LongHistogram connects, LongHistogram writes)
    {
        long open = Math.Min(Connections, second * RampUp);
        bool stalls = second % 3_600 == 40;
        long packets = (long)(open * (stalls ? 9 : 15) * (0.95 + (0.1 * random.NextDouble())));
        return new SecondSample(
            TimeSpan.FromSeconds(second),
            TimeSpan.FromSeconds(1),
            packets,
            packets * PacketBytes,
            open,
            Late: 0,
            second * RampUp <= Connections ? Measure(connects, RampUp, typical: 90) : default,
            Measure(writes, 1_000, typical: stalls ? 9_000 : 60));

        // The percentiles from 50 to 100, spread as in a real run, each with noise.
        Latency Measure(LongHistogram all, int count, double typical)
        {
            long[] values = [.. new[] { 1, 3, 12, 40, 100 }.Select(times => (long)(typical * times * (0.8 + (0.4 * random.NextDouble()))))];
            foreach ((int rank, long value) in values.Index())
            {
                all.RecordValueWithCount(value, CountAbove(rank) - CountAbove(rank + 1));
            }

            long CountAbove(int rank) => rank < values.Length ? Math.Max(values.Length - rank, (long)(count * Math.Pow(10, -rank))) : 0;
            return new Latency(count, values[0], values[1], values[2], values[3], values[4]);
        }
    }
}
