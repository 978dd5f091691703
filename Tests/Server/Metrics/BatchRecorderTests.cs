using DotNettyFraming.Server.Metrics;
using Microsoft.Extensions.Time.Testing;

namespace DotNettyFraming.Tests.Server.Metrics;

public sealed class BatchRecorderTests
{
    private const long Now = 1_796_000_000;

    [TestCase(0, 0)]
    [TestCase(1, 1)]
    [TestCase(2, 2)]
    [TestCase(3, 3)]
    [TestCase(5, 3)]
    [TestCase(6, 4)]
    [TestCase(86_400, 10)]
    [TestCase(86_401, 11)]
    [TestCase(4_294_967_295, 11)]
    public void Bound_belongs_to_its_bucket(long seconds, int bucket)
    {
        var ages = new LoopHistogram(LoopHistogram.AgeBounds);

        Assert.That(ages.BucketOf(seconds), Is.EqualTo(bucket));
        Assert.That(bucket, Is.LessThan(ages.Counts.Count()));
    }

    [TestCase(1, 0)]
    [TestCase(3, 2)]
    [TestCase(8192, 13)]
    [TestCase(8193, 14)]
    public void Packets_belong_to_their_bucket(int packets, int bucket) =>
        Assert.That(new LoopHistogram(LoopHistogram.PacketBounds).BucketOf(packets), Is.EqualTo(bucket));

    [TestCase(0u, 0, 1, 0)]
    [TestCase(1_420_070_399u, 0, 1, 0, Description = "the last second of 2014")]
    [TestCase(1_420_070_400u, 375_929_600, 0, 0)]
    [TestCase(1_795_999_990u, 10, 0, 0)]
    [TestCase(1_796_000_001u, 0, 0, 0, Description = "within the tolerance")]
    [TestCase(1_796_000_002u, 0, 0, 1)]
    [TestCase(uint.MaxValue, 0, 0, 1)]
    public void Age_is_summed_only_if_both_clocks_can_be_right(uint time, long sum, long unset, long skew)
    {
        var clock = new FakeTimeProvider(DateTimeOffset.FromUnixTimeSeconds(Now));
        var counters = new LoopCounters { Recorder = new BatchRecorder(clock) };

        counters.Recorder.Record(packets: 3, time, counters);

        Assert.Multiple(() =>
        {
            Assert.That(counters.Recorder.Ages.Sum, Is.EqualTo(sum));
            Assert.That(counters.Recorder.Ages.Counts.Sum(), Is.EqualTo(1 - unset - skew));
            Assert.That(counters[Counter.ClockUnset], Is.EqualTo(unset));
            Assert.That(counters[Counter.ClockSkew], Is.EqualTo(skew));
            Assert.That(counters.Recorder.Packets.Sum, Is.EqualTo(3));
            Assert.That(counters[Counter.Reads], Is.EqualTo(1));
        });
    }

    [Test]
    public void Histograms_of_loops_are_summed()
    {
        var counters = new ServerCounters();
        for (int loop = 1; loop <= 3; loop++)
        {
            LoopCounters added = counters.AddLoop();
            added.Recorder = new BatchRecorder(TimeProvider.System);
            added.Recorder.Record(loop, firstTime: 0, added);
        }

        (long[] counts, long sum) = counters.Histogram(recorder => recorder.Packets)!.Value;

        Assert.That(counts, Is.EqualTo(new[] { 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }));
        Assert.That(sum, Is.EqualTo(6));
    }
}
