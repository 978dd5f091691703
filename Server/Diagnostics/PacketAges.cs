namespace DotNettyFraming.Server.Diagnostics;

/// <summary>The bounds by which the ages of packets are told apart: seconds from the header's time to their arrival.</summary>
internal static class PacketAges
{
    /// <summary>Upper bounds, each included. Whole seconds, as the header has no finer ones; up to a day, as a device that was offline
    /// sends what it kept.</summary>
    public static readonly IReadOnlyList<int> BoundsSeconds = [0, 1, 2, 5, 10, 30, 60, 300, 900, 3600, 86400];

    /// <summary>How many counts there are: one for each bound, and one for what is above them all.</summary>
    public static readonly int Buckets = BoundsSeconds.Count + 1;

    private static readonly int[] Bounds = [.. BoundsSeconds];

    /// <summary>The count to which an age belongs. Most packets are fresh: a search from below ends at once.</summary>
    public static int BucketOf(long seconds)
    {
        int bucket = 0;
        while (bucket < Bounds.Length && seconds > Bounds[bucket])
        {
            bucket++;
        }

        return bucket;
    }
}
