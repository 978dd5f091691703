using System.Diagnostics;

namespace DotNettyFraming.Server.Profiling;

/// <summary>Counts live objects by type, on request.</summary>
/// <remarks>
/// The runtime collects all garbage and describes each remaining object, as for <c>dotnet-gcdump</c>. All threads stop meanwhile, the
/// reader's included, so the whole description must fit into the buffer.
/// </remarks>
internal static class HeapProfile
{
    /// <summary>The maximum of the buffer, MiB: at most half of the free memory. It is allocated as needed.</summary>
    private static int LargestBufferMiB => (int)Math.Clamp(
        (GC.GetGCMemoryInfo().TotalAvailableMemoryBytes - Environment.WorkingSet) / 2 / (1024 * 1024), 64, 1024);

    private static readonly TimeSpan LongestCollection = TimeSpan.FromSeconds(60);

    /// <summary>Counts now; a collection that has started cannot be cancelled.</summary>
    /// <returns>The profile, or the reason why there is none.</returns>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static Task<ProfileResult> WriteAsync(CancellationToken cancellationToken) => OneProfile.MakeAsync(async () =>
    {
        DateTimeOffset started = DateTimeOffset.UtcNow;
        long start = Stopwatch.GetTimestamp();
        int buffer = LargestBufferMiB;
        HeapCensus census = await HeapCensus.TakeAsync(buffer, LongestCollection, cancellationToken).ConfigureAwait(false);
        if (!census.IsWhole)
        {
            return ProfileResult.Missing(ProfileOutcome.Incomplete, $"the heap has more objects than {buffer} MiB can describe");
        }

        TimeSpan duration = Stopwatch.GetElapsedTime(start);
        using TypeNesting nesting = await TypeNesting.ReadAsync().ConfigureAwait(false);
        return ProfileResult.Written(Write(census.ByType(nesting), started, duration));
    });

    private static ReadOnlyMemory<byte> Write(
        IEnumerable<(string Type, long Objects, long Bytes)> counts, DateTimeOffset started, TimeSpan duration)
    {
        var file = new ProfileFile(Environment.ProcessPath ?? "");
        file.SampleTypes(("inuse_objects", "count"), ("inuse_space", "bytes"));
        file.Period("space", "bytes", 1);
        file.Time(started, duration);
        file.Comment($"All objects alive after a full collection, counted by type (.NET {Environment.Version})");
        foreach ((string type, long objects, long bytes) in counts)
        {
            string name = TypeName.Readable(type);
            file.Sample([new CodePlace(name, $"type {type}")], name, objects, bytes);
        }

        return file.ToBytes();
    }
}
