using System.IO.Compression;
using DotNettyFraming.Server.Profiling.Pprof;
using Google.Protobuf;

namespace DotNettyFraming.Server.Profiling;

/// <summary>Builds a profile in pprof's format; texts, functions and places are written once and referenced. One thread.</summary>
internal sealed class ProfileFile
{
    private const ulong TheMapping = 1;

    private readonly Profile _profile = new();
    private readonly Dictionary<string, long> _texts = [];
    private readonly Dictionary<(string, string, string), ulong> _functions = [];
    private readonly Dictionary<CodePlace, ulong> _places = [];

    /// <summary>Creates a profile of this program, which pprof calls the file.</summary>
    public ProfileFile(string program)
    {
        Text("");
        _profile.Mapping.Add(new Mapping
        {
            Id = TheMapping,
            Filename = Text(program),
            HasFunctions = true,
            HasFilenames = true,
            HasLineNumbers = true,
        });
    }

    /// <summary>Sets the meaning of each sample's values; pprof shows the last one by default.</summary>
    public void SampleTypes(params ReadOnlySpan<(string Type, string Unit)> types)
    {
        foreach ((string type, string unit) in types)
        {
            _profile.SampleType.Add(new Pprof.ValueType { Type = Text(type), Unit = Text(unit) });
            _profile.DefaultSampleType = Text(type);
        }
    }

    /// <summary>Sets the mean distance between two samples.</summary>
    public void Period(string type, string unit, long period)
    {
        _profile.PeriodType = new Pprof.ValueType { Type = Text(type), Unit = Text(unit) };
        _profile.Period = period;
    }

    /// <summary>Sets the recording's start and duration.</summary>
    public void Time(DateTimeOffset started, TimeSpan duration)
    {
        _profile.TimeNanos = (started - DateTimeOffset.UnixEpoch).Ticks * TimeSpan.NanosecondsPerTick;
        _profile.DurationNanos = duration.Ticks * TimeSpan.NanosecondsPerTick;
    }

    /// <summary>Adds a comment line: <c>go tool pprof -comments</c>.</summary>
    public void Comment(string text) => _profile.Comment.Add(Text(text));

    /// <summary>Adds a sample: its stack, innermost place first, the objects' type, and a value per sample type.</summary>
    public void Sample(IEnumerable<CodePlace> stack, string type, params ReadOnlySpan<long> values)
    {
        var sample = new Sample { Label = { new Label { Key = Text("type"), Str = Text(type) } } };
        sample.LocationId.AddRange(stack.Select(Place));
        foreach (long value in values)
        {
            sample.Value.Add(value);
        }

        _profile.Sample.Add(sample);
    }

    /// <summary>Returns the file's content.</summary>
    public ReadOnlyMemory<byte> ToBytes()
    {
        var bytes = new MemoryStream();
        using (var compressed = new GZipStream(bytes, CompressionLevel.Optimal, leaveOpen: true))
        {
            _profile.WriteTo(compressed);
        }

        return bytes.GetBuffer().AsMemory(0, (int)bytes.Length);
    }

    private ulong Place(CodePlace place)
    {
        if (!_places.TryGetValue(place, out ulong id))
        {
            id = (ulong)_places.Count + 1;
            _places.Add(place, id);
            _profile.Location.Add(new Location
            {
                Id = id,
                MappingId = TheMapping,
                Line = { new Line { FunctionId = Function(place), Line_ = place.Line } },
            });
        }

        return id;
    }

    private ulong Function(CodePlace place)
    {
        (string, string, string) key = (place.Function, place.FullName, place.File);
        if (!_functions.TryGetValue(key, out ulong id))
        {
            id = (ulong)_functions.Count + 1;
            _functions.Add(key, id);
            _profile.Function.Add(new Function
            {
                Id = id,
                Name = Text(place.Function),
                SystemName = Text(place.FullName),
                Filename = Text(place.File),
            });
        }

        return id;
    }

    private long Text(string text)
    {
        if (!_texts.TryGetValue(text, out long index))
        {
            index = _texts.Count;
            _texts.Add(text, index);
            _profile.StringTable.Add(text);
        }

        return index;
    }
}
