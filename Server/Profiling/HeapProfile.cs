using System.Diagnostics;

namespace DotNettyFraming.Server.Profiling;

/// <summary>Counts the objects that are alive, by type, on request.</summary>
/// <remarks>
/// The runtime collects all garbage and describes each object that is left, as for <c>dotnet-gcdump</c>. All threads of the program stand
/// still meanwhile, the one that would read the description too; so all of it must fit into the buffer, or there is no profile.
/// </remarks>
internal static class HeapProfile
{
    /// <summary>The largest buffer for the description, MiB; of native memory, taken as it is needed and given back. No more than half of what
    /// the machine, or the container, leaves to this process.</summary>
    private static int LargestBufferMiB => (int)Math.Clamp(
        (GC.GetGCMemoryInfo().TotalAvailableMemoryBytes - Environment.WorkingSet) / 2 / (1024 * 1024), 64, 1024);

    private static readonly TimeSpan LongestCollection = TimeSpan.FromSeconds(60);

    /// <summary>Counts now.</summary>
    /// <param name="cancellationToken">Gives up waiting; the collection, once begun, ends by itself.</param>
    /// <returns>The profile, or why there is none.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static Task<ProfileResult> WriteAsync(CancellationToken cancellationToken) => OneProfile.MakeAsync(async () =>
    {
        DateTimeOffset began = DateTimeOffset.UtcNow;
        long start = Stopwatch.GetTimestamp();
        int buffer = LargestBufferMiB;
        HeapCensus census = await HeapCensus.TakeAsync(buffer, LongestCollection, cancellationToken).ConfigureAwait(false);
        if (!census.IsWhole)
        {
            return ProfileResult.Missing(ProfileOutcome.Incomplete, $"the heap has more objects than {buffer} MiB can describe");
        }

        TimeSpan duration = Stopwatch.GetElapsedTime(start);
        using TypeNesting nesting = await TypeNesting.ReadAsync().ConfigureAwait(false);
        return ProfileResult.Written(Write(census.ByType(nesting), began, duration));
    });

    private static ReadOnlyMemory<byte> Write(
        IEnumerable<(string Type, long Objects, long Bytes)> counts, DateTimeOffset began, TimeSpan duration)
    {
        var file = new ProfileFile(Environment.ProcessPath ?? "");
        file.SampleTypes(("inuse_objects", "count"), ("inuse_space", "bytes"));
        file.Period("space", "bytes", 1);
        file.Time(began, duration);
        file.Comment($"All objects alive after a full collection, counted by type (.NET {Environment.Version})");
        foreach ((string type, long objects, long bytes) in counts)
        {
            string name = TypeName.Readable(type);
            file.Sample([new CodePlace(name, $"type {type}")], name, objects, bytes);
        }

        return file.ToBytes();
    }
}
