using DotNettyFraming.CommandLine;

namespace DotNettyFraming.Tests.CommandLine;

/// <summary>A set with one option of each kind, and short ways to parse with it.</summary>
internal sealed class SampleOptions
{
    public SampleOptions(string prefix = EnvironmentPrefix.Server)
    {
        Set = new OptionSet("DotNettyFraming.Sample", "Shows each kind of option.", prefix);
        Port = Set.Number("--port", "PORT", 9999, "TCP port.", 0, 65535);
        Seed = Set.OptionalNumber<long>("--seed", "N", "Seed.", -5, long.MaxValue, "random");
        IdleTimeout = Set.Duration(
            "--idle-timeout", TimeSpan.FromSeconds(300), "Idle limit.", TimeSpan.FromMilliseconds(250), TimeSpan.FromHours(1));
        Work = Set.Duration("--work", TimeSpan.Zero, "Work a packet.");
        MaxBuffered = Set.Size("--max-buffered", 512L << 20, "Memory.", min: 1024, max: 1L << 30);
        Payload = Set.Text("--payload", "TEXT", "12345", "Payload.");
        Json = Set.OptionalPath("--json", "FILE", "Report.");
        Pace = Set.Choice("--pace", SamplePace.Steady, "Pace.");
        Split = Set.OptionalChoice<SamplePace>("--split", "Split.");
        Check = Set.Flag("--check", "Only checks.");
        Range = Set.Custom<(int Min, int Max)>("--range", "MIN-MAX", (0, 0), "none", "A range.", ParseRange, range => $"{range.Min}-{range.Max}");
    }

    public OptionSet Set { get; }
    public OptionDeclaration<int> Port { get; }
    public OptionDeclaration<long?> Seed { get; }
    public OptionDeclaration<TimeSpan> IdleTimeout { get; }
    public OptionDeclaration<TimeSpan> Work { get; }
    public OptionDeclaration<long> MaxBuffered { get; }
    public OptionDeclaration<string> Payload { get; }
    public OptionDeclaration<string?> Json { get; }
    public OptionDeclaration<SamplePace> Pace { get; }
    public OptionDeclaration<SamplePace?> Split { get; }
    public OptionDeclaration<bool> Check { get; }
    public OptionDeclaration<(int Min, int Max)> Range { get; }

    public ParseOutcome Parse(params string[] arguments) => Set.Parse(arguments, new Dictionary<string, string>());

    public ParseOutcome ParseWith((string Name, string Value) variable, params string[] arguments) =>
        Set.Parse(arguments, new Dictionary<string, string> { [variable.Name] = variable.Value });

    private static Parsed<(int, int)> ParseRange(string text)
    {
        string[] ends = text.Split('-');
        return ends.Length == 2 && int.TryParse(ends[0], out int min) && int.TryParse(ends[1], out int max)
            ? Parsed.Of((min, max))
            : Parsed.Fault<(int, int)>("is not MIN-MAX");
    }
}

internal enum SamplePace
{
    Steady,
    SlowLoris,
}
