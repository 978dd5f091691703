using System.Diagnostics;
using System.Globalization;

namespace DotNettyFraming.Server.Profiling;

/// <summary>Records on request where the program allocates.</summary>
internal static class AllocationProfile
{
    /// <summary>The longest recording of one request.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromMinutes(10);

    /// <summary>Records for a duration of at most <see cref="Longest"/>.</summary>
    /// <returns>The profile, or the reason why there is none.</returns>
    /// <exception cref="OperationCanceledException">Cancelled; the recording has ended.</exception>
    public static Task<ProfileResult> RecordAsync(TimeSpan duration, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(duration, Longest);
        return OneProfile.MakeAsync(async () =>
        {
            await using AllocationRecorder recorder = await AllocationRecorder.StartAsync(cancellationToken).ConfigureAwait(false);
            long start = Stopwatch.GetTimestamp();
            for (TimeSpan left = duration; left > TimeSpan.Zero; left = duration - Stopwatch.GetElapsedTime(start))
            {
                // A timer has whole milliseconds and uses the kernel's coarse clock: it can fire a few milliseconds early.
                await Task.Delay(TimeSpan.FromMilliseconds(Math.Ceiling(left.TotalMilliseconds)), cancellationToken).ConfigureAwait(false);
            }

            return ProfileResult.Written(await recorder.StopAsync().ConfigureAwait(false));
        });
    }
}

/// <summary>Writes a recording's sums as a profile.</summary>
internal static class AllocationProfileFile
{
    /// <summary>Writes the rows whose stack <paramref name="stackOf"/> returns, innermost place first; null skips a row.</summary>
    public static ReadOnlyMemory<byte> Write(
        AllocationTable table, Func<AllocationRow, IReadOnlyList<CodePlace>?> stackOf, int lost, DateTimeOffset started, TimeSpan duration)
    {
        var file = new ProfileFile(Environment.ProcessPath ?? "");
        file.SampleTypes(("alloc_objects", "count"), ("alloc_space", "bytes"));
        file.Period("space", "bytes", AllocationSampling.MeanBytes);
        file.Time(started, duration);
        if (lost > 0)
        {
            file.Comment(string.Create(CultureInfo.InvariantCulture, $"{lost} events were lost: they came faster than the reader."));
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

        // pprof shows these lines in each report, so they are short.
        file.Comment(string.Create(
            CultureInfo.InvariantCulture,
            $"Estimates from {samples} samples, 1 byte in {AllocationSampling.MeanBytes} picked at random"));
        file.Comment($"(AllocationSampled of .NET {Environment.Version}). Types: -tagleaf=type");
        return file.ToBytes();
    }
}
