using Microsoft.Diagnostics.Tracing.Etlx;

namespace DotNettyFraming.Server.Profiling;

/// <summary>Estimates of what was allocated, by stack and type; they grow with each report of the runtime.</summary>
/// <remarks>
/// A recording may last as long as the program. So it keeps sums, not events, and at most <see cref="MostRows"/> of them; later ones are
/// summed without stack and type. One thread.
/// </remarks>
internal sealed class AllocationTable
{
    /// <summary>The maximum of rows; a server under load has some hundreds.</summary>
    public const int MostRows = 50_000;

    private readonly Dictionary<(CallStackIndex Stack, ulong Type), AllocationRow> _rows = [];
    private readonly AllocationRow _others = new(CallStackIndex.Invalid, "[others]");

    /// <summary>The sums.</summary>
    public IEnumerable<AllocationRow> Rows => _others.Reports > 0 ? _rows.Values.Append(_others) : _rows.Values;

    /// <summary>Adds a report of an object.</summary>
    /// <param name="stack">Its stack.</param>
    /// <param name="type">The runtime's handle of its type.</param>
    /// <param name="size">Its size, bytes.</param>
    /// <param name="nameOf">Returns the type's name; called once per row.</param>
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

/// <summary>An estimate of what was allocated of one type at one stack.</summary>
internal sealed class AllocationRow(CallStackIndex stack, string type)
{
    /// <summary>The stack; invalid if unknown.</summary>
    public CallStackIndex Stack { get; } = stack;

    /// <summary>The runtime's name of the type.</summary>
    public string Type { get; } = type;

    /// <summary>The number of reports behind the estimate.</summary>
    public long Reports { get; set; }

    /// <summary>The number of objects.</summary>
    public double Objects { get; set; }

    /// <summary>Their bytes, headers included.</summary>
    public double Bytes { get; set; }
}

/// <summary>The runtime's sampling of allocations, and the number of objects that one sample stands for.</summary>
/// <remarks>
/// The runtime picks each allocated byte with the same small chance p, and reports an object if any of its bytes was picked. So one report
/// stands for 1 / (1 − (1 − p)^size) objects, which keeps sums right at every size. Counting 100 KiB per report would be wrong for objects
/// larger than that.
/// </remarks>
internal static class AllocationSampling
{
    /// <summary>The runtime's keyword (.NET 10; not in TraceEvent's set of defaults).</summary>
    public const long Keyword = 0x80000000000;

    /// <summary>The mean of the bytes between two picked ones; fixed in the runtime.</summary>
    public const int MeanBytes = 100 * 1024;

    private const double Chance = 1.0 / MeanBytes;

    /// <summary>Returns the number of objects that a report of one of this size stands for; at least 1.</summary>
    public static double Objects(long size) => 1 / (1 - Math.Pow(1 - Chance, size));
}
