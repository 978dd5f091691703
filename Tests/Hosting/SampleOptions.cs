using DotNettyFraming.Hosting.Options;

namespace DotNettyFraming.Tests.Hosting;

/// <summary>A record with one option of each kind.</summary>
internal sealed record SampleOptions
{
    public int Port { get; init; } = 9999;
    public long? Seed { get; init; }
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(300);
    public TimeSpan Work { get; init; }
    public long MaxBuffered { get; init; } = 512L << 20;
    public string Payload { get; init; } = "12345";
    public string? Json { get; init; }
    public SamplePace Pace { get; init; }
    public SamplePace? Split { get; init; }
    public bool Check { get; init; }
    public (int Min, int Max) Range { get; init; }
}

/// <summary>The option set of <see cref="SampleOptions"/>, with short methods to parse.</summary>
internal sealed class SampleSet
{
    public SampleSet(string prefix = EnvironmentPrefix.Server)
    {
        var none = new SampleOptions();
        Set = new OptionSet<SampleOptions>("DotNettyFraming.Sample", "Shows each kind of option.", prefix, none);
        Set.Add("--port", OptionKind.Integer(0, 65535, "PORT"), none.Port, (o, v) => o with { Port = v }, "TCP port.");
        Set.Add("--seed", OptionKind.Integer(-5, long.MaxValue), 0, (o, v) => o with { Seed = v }, "Seed.", "random");
        Set.Add(
            "--idle-timeout", OptionKind.Duration(TimeSpan.FromMilliseconds(250), TimeSpan.FromHours(1)), none.IdleTimeout,
            (o, v) => o with { IdleTimeout = v }, "Idle limit.");
        Set.Add("--work", OptionKind.Duration(), none.Work, (o, v) => o with { Work = v }, "Work per packet.");
        Set.Add("--max-buffered", OptionKind.Size(1024, 1L << 30), none.MaxBuffered, (o, v) => o with { MaxBuffered = v }, "Memory.");
        Set.Add("--payload", OptionKind.Text("TEXT"), none.Payload, (o, v) => o with { Payload = v }, "Payload.");
        Set.Add("--json", OptionKind.Path(), none.Json!, (o, v) => o with { Json = v }, "Report.", "none");
        Set.Add("--pace", OptionKind.Choice<SamplePace>(), none.Pace, (o, v) => o with { Pace = v }, "Pace.");
        Set.Add("--split", OptionKind.Choice<SamplePace>(), default, (o, v) => o with { Split = v }, "Split.", "none");
        Set.Add("--check", OptionKind.Flag, false, (o, v) => o with { Check = v }, "Only checks.");
        Set.Add(
            "--range", new OptionKind<(int Min, int Max)>("MIN-MAX", ParseRange, range => $"{range.Min}-{range.Max}"), none.Range,
            (o, v) => o with { Range = v }, "A range.");
    }

    public OptionSet<SampleOptions> Set { get; }

    public ParsedOptions<SampleOptions> Parse(params string[] arguments) => Set.Parse(arguments, new Dictionary<string, string>());

    public ParsedOptions<SampleOptions> ParseWith((string Name, string Value) variable, params string[] arguments) =>
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
