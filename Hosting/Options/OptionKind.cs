using System.Globalization;
using System.Text;

namespace DotNettyFraming.Hosting.Options;

/// <summary>A parsed value, or a fault worded to follow the quoted text (<c>is not an integer</c>).</summary>
internal sealed record Parsed<T>(T Value, string? Fault)
{
    public Parsed<TOther> Select<TOther>(Func<T, TOther> convert) =>
        Fault is null ? Parsed.Of(convert(Value)) : Parsed.Fault<TOther>(Fault);
}

/// <summary>The factories of <see cref="Parsed{T}"/>.</summary>
internal static class Parsed
{
    public static Parsed<T> Of<T>(T value) => new(value, null);

    public static Parsed<T> Fault<T>(string reason) => new(default!, reason);

    public static Parsed<T> OutOfRange<T>(string range) => Fault<T>($"is out of range ({range})");
}

/// <summary>A kind of option with boxed values: not generic, as generic code of another assembly is compiled at start.</summary>
/// <param name="Placeholder">The value in help: <c>DURATION</c>. Null for a flag, which needs no value.</param>
/// <param name="Range">The accepted interval, if there is one: <c>0 to 65535</c>.</param>
internal abstract record AnyOptionKind(string? Placeholder, string? Range)
{
    public abstract Parsed<object?> ParseBoxed(string text);

    public abstract string FormatBoxed(object? value);

    /// <summary>Returns the fault of a text, the text quoted; null if it is valid.</summary>
    public string? FaultOf(string text) => ParseBoxed(text).Fault is { } fault ? $"{Options.Fault.Quote(text)} {fault}" : null;
}

/// <summary>A kind of option: <c>Parse</c> reads its text and never throws, <c>Format</c> writes it.</summary>
internal sealed record OptionKind<T>(string? Placeholder, Func<string, Parsed<T>> Parse, Func<T, string> Format, string? Range = null)
    : AnyOptionKind(Placeholder, Range)
{
    public override Parsed<object?> ParseBoxed(string text)
    {
        Parsed<T> parsed = Parse(text);
        return new(parsed.Value, parsed.Fault);
    }

    public override string FormatBoxed(object? value) => Format((T)value!);
}

/// <summary>The kinds of options.</summary>
internal static class OptionKind
{
    /// <summary>The maximum duration by default: long enough to mean "never", and no clock overflows.</summary>
    public static readonly TimeSpan LongestDuration = TimeSpan.FromDays(365);

    /// <summary>Off unless present; the environment and <c>--name=…</c> have <c>true</c> or <c>false</c>.</summary>
    public static OptionKind<bool> Flag { get; } = new(
        null,
        text => bool.TryParse(text, out bool value) ? Parsed.Of(value) : Parsed.Fault<bool>("is neither true nor false"),
        value => value ? "on" : "off");

    public static OptionKind<int> Integer(int min, int max, string placeholder = "N")
    {
        string range = RangeText(min, max, int.MaxValue);
        return new(placeholder, text => ParseInteger(text, min, max, range).Select(value => (int)value), value => $"{value}", range);
    }

    public static OptionKind<long> Integer(long min, long max, string placeholder = "N")
    {
        string range = RangeText(min, max, long.MaxValue);
        return new(placeholder, text => ParseInteger(text, min, max, range), value => $"{value}", range);
    }

    /// <summary>A duration: <c>250ms</c>, <c>5m</c>. The default bounds are 0 and <see cref="LongestDuration"/>.</summary>
    public static OptionKind<TimeSpan> Duration(TimeSpan? min = null, TimeSpan? max = null)
    {
        (TimeSpan shortest, TimeSpan longest) = (min ?? TimeSpan.Zero, max ?? LongestDuration);
        string range = $"{DurationText.Format(shortest)} to {DurationText.Format(longest)}";
        return new("DURATION", text => Within(DurationText.Parse(text), shortest, longest, range), DurationText.Format, range);
    }

    /// <summary>A duration, or <c>off</c>, which is zero.</summary>
    public static OptionKind<TimeSpan> DurationOrOff(TimeSpan min, TimeSpan max)
    {
        OptionKind<TimeSpan> duration = Duration(min, max);
        return new(
            "DURATION|off",
            text => text == "off" ? Parsed.Of(TimeSpan.Zero) : duration.Parse(text),
            value => value == TimeSpan.Zero ? "off" : DurationText.Format(value),
            duration.Range);
    }

    /// <summary>A size in bytes: <c>64KiB</c>.</summary>
    public static OptionKind<long> Size(long min = 0, long max = long.MaxValue)
    {
        string range = max == long.MaxValue ? $"{SizeText.Format(min)} or more" : $"{SizeText.Format(min)} to {SizeText.Format(max)}";
        return new("BYTES", text => Within(SizeText.Parse(text), min, max, range), SizeText.Format, range);
    }

    public static OptionKind<bool> OnOrOff { get; } = new(
        "on|off",
        text => text is "on" or "off" ? Parsed.Of(text == "on") : Parsed.Fault<bool>("is neither on nor off"),
        value => value ? "on" : "off");

    public static OptionKind<string> Text(string placeholder) => new(placeholder, Parsed.Of, text => text);

    /// <summary>A path. A missing file is reported when it is opened.</summary>
    public static OptionKind<string> Path(string placeholder = "FILE") => new(placeholder, ParsePath, text => text);

    /// <summary>An enum's member in lower case with dashes: <c>BadPrefix</c> is <c>bad-prefix</c>.</summary>
    public static OptionKind<T> Choice<T>()
        where T : struct, Enum
    {
        string[] names = [.. Enum.GetNames<T>().Select(Dashed)];
        return new(
            string.Join('|', names),
            text => names.Contains(text)
                ? Parsed.Of(Enum.Parse<T>(text.Replace("-", "", StringComparison.Ordinal), ignoreCase: true))
                : Parsed.Fault<T>($"is none of {string.Join(", ", names)}"),
            value => Dashed($"{value}"));
    }

    /// <summary>Several values, comma-separated; one fault for all of them.</summary>
    public static OptionKind<IReadOnlyList<T>> List<T>(string placeholder, Func<string, Parsed<T>> parse, string fault) => new(
        placeholder,
        text =>
        {
            Parsed<T>[] parts = [.. text.Split(',', StringSplitOptions.TrimEntries).Select(parse)];
            return Array.TrueForAll(parts, part => part.Fault is null)
                ? Parsed.Of<IReadOnlyList<T>>([.. parts.Select(part => part.Value)])
                : Parsed.Fault<IReadOnlyList<T>>(fault);
        },
        values => string.Join(',', values));

    public static Parsed<string> ParsePath(string text) => text switch
    {
        "" => Parsed.Fault<string>("is empty, which names no file"),
        _ when text.Contains('\0', StringComparison.Ordinal) => Parsed.Fault<string>("contains a zero character, which no path may"),
        _ => Parsed.Of(text),
    };

    private static Parsed<T> Within<T>(Parsed<T> parsed, T min, T max, string range)
        where T : IComparable<T> =>
        parsed.Fault is null && (parsed.Value.CompareTo(min) < 0 || parsed.Value.CompareTo(max) > 0) ? Parsed.OutOfRange<T>(range) : parsed;

    private static string RangeText(long min, long max, long largest) => max == largest ? $"{min} or more" : $"{min} to {max}";

    private static Parsed<long> ParseInteger(string text, long min, long max, string range)
    {
        ReadOnlySpan<char> digits = text.StartsWith('-') ? text.AsSpan(1) : text;
        if (digits.IsEmpty || digits.ContainsAnyExceptInRange('0', '9'))
        {
            return Parsed.Fault<long>("is not an integer");
        }

        bool fits = long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value);
        return fits && value >= min && value <= max ? Parsed.Of(value) : Parsed.OutOfRange<long>(range);
    }

    private static string Dashed(string member)
    {
        var name = new StringBuilder();
        foreach (char c in member)
        {
            _ = char.IsAsciiLetterUpper(c) && name.Length > 0 ? name.Append('-') : name;
            name.Append(char.ToLowerInvariant(c));
        }

        return name.ToString();
    }
}
