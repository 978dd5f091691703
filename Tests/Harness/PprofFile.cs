using System.IO.Compression;
using DotNettyFraming.Server.Profiling.Pprof;

namespace DotNettyFraming.Tests.Harness;

/// <summary>A parsed profile in pprof format.</summary>
internal sealed class PprofFile
{
    private readonly Dictionary<ulong, Location> _locations;
    private readonly Dictionary<ulong, Function> _functions;

    public PprofFile(ReadOnlyMemory<byte> bytes)
    {
        using var compressed = new GZipStream(new MemoryStream(bytes.ToArray()), CompressionMode.Decompress);
        Profile = Profile.Parser.ParseFrom(compressed);
        _locations = Profile.Location.ToDictionary(location => location.Id);
        _functions = Profile.Function.ToDictionary(function => function.Id);
        Samples = [.. Profile.Sample.Select(Read)];
    }

    public Profile Profile { get; }

    public IReadOnlyList<Sampled> Samples { get; }

    public IEnumerable<string> SampleTypes => Profile.SampleType.Select(type => $"{Text(type.Type)}/{Text(type.Unit)}");

    public string DefaultSampleType => Text(Profile.DefaultSampleType);

    public string Period => $"{Profile.Period} {Text(Profile.PeriodType.Unit)} of {Text(Profile.PeriodType.Type)}";

    public IEnumerable<string> Comments => Profile.Comment.Select(Text);

    /// <summary>Returns the sum of samples whose innermost frame is this method or type.</summary>
    public (long Objects, long Bytes) Flat(string function) => Sum(Samples.Where(sample => sample.Stack[0] == function));

    /// <summary>The innermost frame with the most bytes.</summary>
    public string Top => Samples.GroupBy(sample => sample.Stack[0]).MaxBy(group => Sum(group).Bytes)!.Key;

    private static (long Objects, long Bytes) Sum(IEnumerable<Sampled> samples) =>
        (samples.Sum(sample => sample.Objects), samples.Sum(sample => sample.Bytes));

    private Sampled Read(Sample sample)
    {
        Line[] lines = [.. sample.LocationId.Select(id => _locations[id].Line.Single())];
        return new Sampled(
            [.. lines.Select(line => Text(_functions[line.FunctionId].Name))],
            Text(_functions[lines[0].FunctionId].Filename),
            lines[0].Line_,
            sample.Label.Where(label => Text(label.Key) == "type").Select(label => Text(label.Str)).Single(),
            sample.Value[0],
            sample.Value[1]);
    }

    private string Text(long index) => Profile.StringTable[(int)index];

    /// <summary>A sample: functions, innermost first; file and line of the innermost; label; values.</summary>
    internal sealed record Sampled(IReadOnlyList<string> Stack, string File, long Line, string Type, long Objects, long Bytes);
}
