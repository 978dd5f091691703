using DotNettyFraming.Server.Profiling;
using Microsoft.Diagnostics.Tracing.Etlx;

namespace DotNettyFraming.Tests.Server.Profiling;

/// <summary>The table of a recording, which does not grow with time.</summary>
public sealed class AllocationTableTests
{
    [Test]
    public void Reports_of_one_type_at_one_stack_are_one_row()
    {
        var table = new AllocationTable();
        table.Add((CallStackIndex)1, type: 7, size: 1024, () => "A");
        table.Add((CallStackIndex)1, type: 7, size: 1024, () => "A");
        table.Add((CallStackIndex)1, type: 8, size: 1024, () => "B");
        table.Add((CallStackIndex)2, type: 7, size: 1024, () => "A");

        Assert.That(table.Rows.Select(row => (row.Type, row.Reports)), Is.EquivalentTo(new[] { ("A", 2L), ("B", 1L), ("A", 1L) }));
        Assert.That(table.Rows.First().Bytes, Is.EqualTo(table.Rows.First().Objects * 1024));
    }

    [Test]
    public void Rows_are_bounded_and_later_ones_share_one()
    {
        var table = new AllocationTable();
        for (int i = 0; i < AllocationTable.MostRows + 10; i++)
        {
            table.Add((CallStackIndex)i, type: 7, size: 1024, () => "A");
        }

        table.Add((CallStackIndex)3, type: 7, size: 1024, () => "A");

        Assert.That(table.Rows.Count(), Is.EqualTo(AllocationTable.MostRows + 1));
        AllocationRow others = table.Rows.Last();
        Assert.That((others.Type, others.Stack, others.Reports), Is.EqualTo(("[others]", CallStackIndex.Invalid, 10L)));
        Assert.That(table.Rows.Sum(row => row.Reports), Is.EqualTo(AllocationTable.MostRows + 11));
    }
}
