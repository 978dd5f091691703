using System.Globalization;

namespace DotNettyFraming.Server.Profiling;

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
        file.Comment(string.Create(
            CultureInfo.InvariantCulture,
            $"Estimates from {table.Reports} samples: the runtime picks one byte in {AllocationSampling.MeanBytes} at random and reports the object that it falls in (AllocationSampled, .NET {Environment.Version})."));
        file.Comment("Flat is what a method allocates itself; the type is the label `type` (-tagleaf=type shows it as a frame).");
        file.Comment("What the recording itself allocated is left out.");
        if (lost > 0)
        {
            file.Comment(string.Create(CultureInfo.InvariantCulture, $"{lost} events were lost: there was more than could be read in time."));
        }

        foreach (AllocationRow row in table.Rows)
        {
            if (stackOf(row) is { } stack)
            {
                file.Sample(stack, TypeName.Readable(row.Type), (long)Math.Round(row.Objects), (long)Math.Round(row.Bytes));
            }
        }

        return file.ToBytes();
    }
}
