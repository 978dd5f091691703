using DotNettyFraming.Benchmarks.Comparison;
using DotNettyFraming.Benchmarks.Load;

namespace DotNettyFraming.Tests.Benchmarks;

public sealed class ComparisonResultTests
{
    private readonly ComparisonResult _result = SampleResult.Make();

    [Test]
    public void Ratio_divides_within_a_round()
    {
        Statistics? ratio = _result.Ratio<SendReading>(
            SampleResult.Ours, [SampleResult.Floor], "W1", reading => reading.CpuNanosecondsPerPacket);

        Assert.That(ratio, Is.EqualTo(new Statistics(Median: 1.1, Min: 1.0, Max: 1.2, Count: 3)));
    }

    [Test]
    public void Ratio_to_several_servers_takes_the_best_of_each_round()
    {
        Statistics? ratio = _result.Ratio<SendReading>(
            SampleResult.Ours, _result.With(ContestantRole.Rival), "W1", reading => reading.CpuNanosecondsPerPacket);

        Assert.That(ratio, Is.EqualTo(new Statistics(Median: 0.8, Min: 0.5, Max: 1.2, Count: 3)));
    }

    [Test]
    public void Ratio_to_no_server_is_null() => Assert.That(
        _result.Ratio<SendReading>(SampleResult.Ours, [], "W1", reading => reading.CpuNanosecondsPerPacket), Is.Null);

    [Test]
    public void Figure_of_an_unmeasured_load_is_null() => Assert.That(
        _result.Figure<SendReading>(SampleResult.Ours, "W2", reading => reading.CpuNanosecondsPerPacket), Is.Null);

    [Test]
    public void Readings_derive_figures_per_packet_second_and_sweep()
    {
        var reading = new SendReading(Packets: 1_000, Sweeps: 10, LateSweeps: 0, Seconds: 0.5, CpuNanoseconds: 4_000_000, Sleeps: 25);
        var memory = new MemoryReading(
            Packets: 30, Connections: 10, AtRest: 1_000, Idle: 3_000, AfterThreePackets: 0,
            HalfSent: 0, AfterFirstRound: 0, AfterSecondRound: 0);

        Assert.Multiple(() =>
        {
            Assert.That(reading.CpuNanosecondsPerPacket, Is.EqualTo(4_000));
            Assert.That(reading.PacketsPerSecond, Is.EqualTo(2_000));
            Assert.That(reading.SleepsPerSweep, Is.EqualTo(2.5));
            Assert.That(memory.PerConnection(memory.Idle), Is.EqualTo(200));
        });
    }
}
