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
