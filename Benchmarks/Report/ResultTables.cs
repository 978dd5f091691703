using System.Globalization;
using DotNettyFraming.Benchmarks.Comparison;
using DotNettyFraming.Benchmarks.Load;

namespace DotNettyFraming.Benchmarks.Report;

/// <summary>The tables of a comparison.</summary>
internal static class ResultTables
{
    private const string Spread = "Median (minimum–maximum) over the rounds.";

    /// <summary>Returns all tables that have rows.</summary>
    public static IReadOnlyList<ReportTable> From(ComparisonResult result)
    {
        ReportTable[] tables =
        [
            CpuRatios(result), RivalRatios(result), Cpu(result), FullSpeed(result), Connecting(result), Memory(result), Wakeups(result),
            Counts(result),
        ];
        return [.. tables.Where(table => table.Rows.Count > 0)];
    }

    private static ReportTable CpuRatios(ComparisonResult result) => ByLoad(
        result,
        "CPU time per packet as a ratio to the floor",
        $"Each figure is divided by the floor's of the same round. {Spread}",
        load => !load.IsFullSpeed,
        (contestant, load) => Quantity.Spread(
            result.Ratio<SendReading>(contestant, result.With(ContestantRole.Floor), load.Name, r => r.CpuNanosecondsPerPacket),
            Quantity.Ratio));

    private static ReportTable RivalRatios(ComparisonResult result)
    {
        Contestant[] ours = [.. result.With(ContestantRole.Ours)];
        IEnumerable<string> rivals = result.With(ContestantRole.Rival).Select(rival => rival.Name);
        return new ReportTable(
            "CPU time per packet as a ratio to the best rival",
            $"Below 1: less than the best of {string.Join(", ", rivals)} in the same round. {Spread}",
            ["Load", .. ours.Select(contestant => contestant.Name)],
            rivals.Any() && ours.Length > 0 ? [.. LoadsOf(result).Where(load => !load.IsFullSpeed).Select(Row)] : []);

        IReadOnlyList<string> Row(Workload load) =>
        [
            Describe(load),
            .. ours.Select(contestant => Quantity.Spread(
                result.Ratio<SendReading>(contestant, result.With(ContestantRole.Rival), load.Name, r => r.CpuNanosecondsPerPacket),
                Quantity.Ratio)),
        ];
    }

    private static ReportTable Cpu(ComparisonResult result) => ByLoad(
        result,
        "CPU time of the server per packet",
        $"User and system time of the whole process at the load's fixed rate. {Spread}",
        load => !load.IsFullSpeed,
        (contestant, load) => Quantity.Spread(
            result.Figure<SendReading>(contestant, load.Name, r => r.CpuNanosecondsPerPacket), Quantity.Time));

    private static ReportTable FullSpeed(ComparisonResult result) => ByLoad(
        result,
        "Packets per second at full speed",
        $"Load generator and server share the machine, so this is the limit of both together. {Spread}",
        load => load.IsFullSpeed,
        (contestant, load) => Quantity.Spread(
            result.Figure<SendReading>(contestant, load.Name, r => r.PacketsPerSecond), Quantity.Rate));

    private static ReportTable Connecting(ComparisonResult result) => ByFigure<ConnectReading>(
        result,
        "Connections",
        $"Each connects, sends one packet, closes and waits for the server's close; 64 at a time. {Spread}",
        ComparisonPlan.ConnectLoad,
        [
            ("accepted per second", r => r.ConnectionsPerSecond, Quantity.Rate),
            ("CPU time each", r => r.CpuNanosecondsPerConnection, Quantity.Time),
        ]);

    private static ReportTable Memory(ComparisonResult result) => ByFigure<MemoryReading>(
        result,
        "Resident memory",
        "Of a new process. The floor stores no payload, so its half-sent row is no floor. The last rows are the memory above the "
            + $"server at rest, some time after a round of half-sent packets has closed. {Spread}",
        ComparisonPlan.MemoryLoad,
        [
            ("at rest", r => r.AtRest, Quantity.Mebibytes),
            ("per idle connection", r => r.PerConnection(r.Idle), Quantity.Kibibytes),
            ("per connection after 3 packets", r => r.PerConnection(r.AfterThreePackets), Quantity.Kibibytes),
            ("per half-sent packet: 40,000 of 65,007 bytes", r => r.PerConnection(r.HalfSent), Quantity.Kibibytes),
            ("left after a first round", r => r.AfterFirstRound - r.AtRest, Quantity.Mebibytes),
            ("left after a second round", r => r.AfterSecondRound - r.AtRest, Quantity.Mebibytes),
            ("growth from the first to the second", r => r.AfterSecondRound - r.AfterFirstRound, Quantity.Mebibytes),
        ]);

    private static ReportTable Wakeups(ComparisonResult result) => ByLoad(
        result,
        "Sleeps of a server's threads per sweep",
        "1 or more indicates that the server finished a sweep before the next one started, so that no read found two writes. "
            + "In brackets: sweeps that started more than 1 ms late.",
        load => !load.IsFullSpeed,
        (contestant, load) => result.Figure<SendReading>(contestant, load.Name, r => r.SleepsPerSweep) is { } sleeps
            && result.Figure<SendReading>(contestant, load.Name, r => (double)r.LateSweeps / r.Sweeps) is { } late
                ? $"{Quantity.Ratio(sleeps.Median)} ({Quantity.Percent(late.Median)})"
                : Quantity.None);

    private static ReportTable Counts(ComparisonResult result) => new(
        "Packets counted",
        "Packets sent to a process, warm-up included, and packets that it reports as processed.",
        ["Server", "sent", "processed", ""],
        [.. result.Checks.Select(check => (IReadOnlyList<string>)
        [
            check.Contestant, Integer(check.Sent), Integer(check.Processed), check.IsExact ? "all" : "DIFFERENT",
        ])]);

    private static ReportTable ByLoad(
        ComparisonResult result, string title, string note, Func<Workload, bool> which, Func<Contestant, Workload, string> cell) => new(
        title,
        note,
        ["Load", .. result.Contestants.Select(contestant => contestant.Name)],
        [.. LoadsOf(result).Where(which).Select(load => (IReadOnlyList<string>)
        [
            Describe(load), .. result.Contestants.Select(contestant => cell(contestant, load)),
        ])]);

    private static ReportTable ByFigure<T>(
        ComparisonResult result,
        string title,
        string note,
        string load,
        IReadOnlyList<(string Name, Func<T, double> Figure, Func<double, string> Write)> figures)
        where T : LoadReading => new(
        title,
        note,
        ["", .. result.Contestants.Select(contestant => contestant.Name)],
        result.Samples.Any(sample => sample.Load == load)
            ? [.. figures.Select(row => (IReadOnlyList<string>)
            [
                row.Name,
                .. result.Contestants.Select(contestant => Quantity.Spread(result.Figure(contestant, load, row.Figure), row.Write)),
            ])]
            : []);

    private static IEnumerable<Workload> LoadsOf(ComparisonResult result)
    {
        var measured = result.Samples.Select(sample => sample.Load).ToHashSet();
        return Workloads.All.Where(load => measured.Contains(load.Name));
    }

    private static string Describe(Workload load) =>
        $"{load.Name}: {Integer(load.Connections)} conn, {Integer(load.PacketsPerWrite)} per send"
        + (load.PayloadBytes == Workloads.Paced[0].PayloadBytes ? "" : $" of {Integer(load.PayloadBytes)} bytes");

    private static string Integer(long value) => value.ToString("N0", CultureInfo.InvariantCulture);
}
