using Microsoft.Diagnostics.Tracing.Etlx;

namespace DotNettyFraming.Server.Profiling;

/// <summary>What was allocated so far, by stack and type: estimates that grow with each report of the runtime.</summary>
/// <remarks>
/// A recording may last as long as the program, so it keeps sums and no events; and no more than <see cref="MostRows"/> sums, what comes
/// after that without its stack. For the one thread that reads the events.
/// </remarks>
internal sealed class AllocationTable
{
    /// <summary>Rows kept apart; a server under load has some hundreds.</summary>
    public const int MostRows = 50_000;

    private readonly Dictionary<(CallStackIndex Stack, ulong Type), AllocationRow> _rows = [];
    private readonly AllocationRow _others = new(CallStackIndex.Invalid, "[others]");

    /// <summary>The sums.</summary>
    public IEnumerable<AllocationRow> Rows => _others.Reports > 0 ? _rows.Values.Append(_others) : _rows.Values;

    /// <summary>Takes a report in.</summary>
    /// <param name="stack">Where it was.</param>
    /// <param name="type">The runtime's handle of the object's type.</param>
    /// <param name="size">The object's size, bytes.</param>
    /// <param name="nameOf">Gives the type's name, once for each row.</param>
    public void Add(CallStackIndex stack, ulong type, long size, Func<string> nameOf)
    {
        AllocationRow row = Row(stack, type, nameOf);
        row.Reports++;
        double objects = AllocationSampling.Objects(size);
        row.Objects += objects;
        row.Bytes += objects * size;
    }

    private AllocationRow Row(CallStackIndex stack, ulong type, Func<string> nameOf)
    {
        if (_rows.TryGetValue((stack, type), out AllocationRow? row))
        {
            return row;
        }

        if (_rows.Count >= MostRows)
        {
            return _others;
        }

        row = new AllocationRow(stack, nameOf());
        _rows.Add((stack, type), row);
        return row;
    }
}

/// <summary>What was allocated of one type at one stack: an estimate.</summary>
internal sealed class AllocationRow(CallStackIndex stack, string type)
{
    /// <summary>Where; invalid where that is unknown.</summary>
    public CallStackIndex Stack { get; } = stack;

    /// <summary>The type's name, as the runtime has it.</summary>
    public string Type { get; } = type;

    /// <summary>Reports of the runtime that this is estimated from.</summary>
    public long Reports { get; set; }

    /// <summary>How many objects.</summary>
    public double Objects { get; set; }

    /// <summary>How many bytes, headers included.</summary>
    public double Bytes { get; set; }
}

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
