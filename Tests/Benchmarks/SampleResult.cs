using DotNettyFraming.Benchmarks.Comparison;
using DotNettyFraming.Benchmarks.Load;

namespace DotNettyFraming.Tests.Benchmarks;

/// <summary>A comparison with round figures.</summary>
internal static class SampleResult
{
    public static readonly Contestant Floor = new("floor", "the floor", ContestantRole.Floor, "", []);
    public static readonly Contestant Ours = new("ours", "this server", ContestantRole.Ours, "", []);
    public static readonly Contestant Slow = new("slow", "a slow rival", ContestantRole.Rival, "", []);
    public static readonly Contestant Fast = new("fast", "a fast rival", ContestantRole.Rival, "", []);

    /// <summary>Returns three rounds of W1 per contestant, given as nanoseconds per packet.</summary>
    public static ComparisonResult Make() => new(
        [Floor, Ours, Slow, Fast],
        [
            .. Rounds(Floor, 1_000, 2_000, 4_000),
            .. Rounds(Ours, 1_100, 2_400, 4_000),
            .. Rounds(Slow, 4_400, 2_000, 8_000),
            .. Rounds(Fast, 2_200, 3_000, 5_000),
        ],
        [new CountCheck("floor", 3_000, 3_000), new CountCheck("ours", 3_000, 3_000)]);

    private static IEnumerable<Sample> Rounds(Contestant contestant, params long[] nanosecondsPerPacket) => nanosecondsPerPacket.Select(
        (nanoseconds, round) => new Sample(contestant.Name, "W1", round + 1, new SendReading(
            Packets: 1_000, Sweeps: 10, LateSweeps: 1, Seconds: 0.5, CpuNanoseconds: 1_000 * nanoseconds, Sleeps: 25)));
}
