using System.Globalization;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;

namespace DotNettyFraming.Benchmarks.Micro;

/// <summary>The mean divided by the packets of a read, for benchmarks whose operation is a read.</summary>
internal sealed class TimePerPacketColumn : IColumn
{
    public string Id => nameof(TimePerPacketColumn);

    public string ColumnName => "ns/packet";

    public string Legend => "Mean divided by the packets of one read";

    public bool AlwaysShow => true;

    public ColumnCategory Category => ColumnCategory.Custom;

    public int PriorityInCategory => 0;

    public bool IsNumeric => true;

    public UnitType UnitType => UnitType.Dimensionless;

    public bool IsAvailable(Summary summary) => summary.BenchmarksCases.Any(benchmark => ReadOf(benchmark) is not null);

    public bool IsDefault(Summary summary, BenchmarkCase benchmarkCase) => false;

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase) => GetValue(summary, benchmarkCase, summary.Style);

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase, SummaryStyle style) =>
        ReadOf(benchmarkCase) is { } read && summary[benchmarkCase]?.ResultStatistics is { } statistics
            ? (statistics.Mean / read.Packets).ToString("0.00", CultureInfo.InvariantCulture)
            : "-";

    private static ReadShape? ReadOf(BenchmarkCase benchmark) =>
        benchmark.Parameters.Items.Select(parameter => parameter.Value).OfType<ReadShape>().Cast<ReadShape?>().FirstOrDefault();
}
