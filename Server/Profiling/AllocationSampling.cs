namespace DotNettyFraming.Server.Profiling;

/// <summary>How the runtime picks the allocations that it reports, and what a reported one stands for.</summary>
/// <remarks>
/// Each byte that is allocated is picked with the same small chance, independently of all others, and an object is reported if any of
/// its bytes was. So large objects are reported more often, and one report stands for as many objects of its size as it takes, on
/// average, to get one: 1 / (1 − (1 − p)^size). That keeps sums true for every size; counting 100 KiB a report would be wrong for
/// objects that are larger than that.
/// </remarks>
internal static class AllocationSampling
{
    /// <summary>The runtime's keyword for it (.NET 10; not in TraceEvent's set of defaults).</summary>
    public const long Keyword = 0x80000000000;

    /// <summary>Bytes between two picked ones, on average. Fixed in the runtime.</summary>
    public const int MeanBytes = 100 * 1024;

    private const double Chance = 1.0 / MeanBytes;

    /// <summary>How many objects a report of one of <paramref name="size"/> bytes stands for; at least 1.</summary>
    public static double Objects(long size) => 1 / (1 - Math.Pow(1 - Chance, size));
}
