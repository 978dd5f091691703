using System.Diagnostics;
using System.Globalization;

namespace DotNettyFraming.Server.Profiling;

/// <summary>Records where the program allocates, for a while, on request.</summary>
internal static class AllocationProfile
{
    /// <summary>The longest that one request may record.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromMinutes(10);

    /// <summary>Records for <paramref name="duration"/>.</summary>
    /// <param name="duration">How long, at most <see cref="Longest"/>.</param>
    /// <param name="cancellationToken">Ends the recording early, without a profile.</param>
    /// <returns>The profile, or why there is none.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled; the recording has ended.</exception>
    public static Task<ProfileResult> RecordAsync(TimeSpan duration, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(duration, Longest);
        return OneProfile.MakeAsync(async () =>
        {
            await using AllocationRecorder recorder = await AllocationRecorder.StartAsync(cancellationToken).ConfigureAwait(false);
            long start = Stopwatch.GetTimestamp();
            for (TimeSpan left = duration; left > TimeSpan.Zero; left = duration - Stopwatch.GetElapsedTime(start))
            {
                // A timer goes by the kernel's coarse clock, and may come a few milliseconds early; it also cuts off parts of one.
                await Task.Delay(TimeSpan.FromMilliseconds(Math.Ceiling(left.TotalMilliseconds)), cancellationToken).ConfigureAwait(false);
            }

            return ProfileResult.Written(await recorder.StopAsync().ConfigureAwait(false));
        });
    }
}

/// <summary>Writes a recording's sums as a profile.</summary>
internal static class AllocationProfileFile
{
    /// <param name="table">The sums.</param>
    /// <param name="stackOf">Where a sum was allocated, the innermost place first; null where the recording itself was at work.</param>
    /// <param name="lost">Events that could not be kept.</param>
    /// <param name="began">When the recording began.</param>
    /// <param name="duration">How long it took.</param>
    public static ReadOnlyMemory<byte> Write(
        AllocationTable table, Func<AllocationRow, IReadOnlyList<CodePlace>?> stackOf, int lost, DateTimeOffset began, TimeSpan duration)
    {
        var file = new ProfileFile(Environment.ProcessPath ?? "");
        file.SampleTypes(("alloc_objects", "count"), ("alloc_space", "bytes"));
        file.Period("space", "bytes", AllocationSampling.MeanBytes);
        file.Time(began, duration);
        if (lost > 0)
        {
            file.Comment(string.Create(CultureInfo.InvariantCulture, $"{lost} events were lost: more came than could be read."));
        }

        long samples = 0;
        foreach (AllocationRow row in table.Rows)
        {
            if (stackOf(row) is { } stack)
            {
                samples += row.Reports;
                file.Sample(stack, TypeName.Readable(row.Type), (long)Math.Round(row.Objects), (long)Math.Round(row.Bytes));
            }
        }

        // Each report of pprof shows these lines: short ones, or a picture is all heading.
        file.Comment(string.Create(
            CultureInfo.InvariantCulture,
            $"Estimates from {samples} samples, 1 byte in {AllocationSampling.MeanBytes} picked at random"));
        file.Comment($"(AllocationSampled of .NET {Environment.Version}). Types: -tagleaf=type");
        return file.ToBytes();
    }
}
