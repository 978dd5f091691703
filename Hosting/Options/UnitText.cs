using System.Globalization;

namespace DotNettyFraming.Hosting.Options;

/// <summary>Durations: an integer with <c>us</c>, <c>ms</c>, <c>s</c>, <c>m</c>, <c>h</c> or <c>d</c>, or <c>0</c>.</summary>
internal static class DurationText
{
    private const string Shape = "an integer and us, ms, s, m, h or d; only 0 may be bare";

    private static readonly (string Name, long Size)[] Units =
    [
        ("d", TimeSpan.TicksPerDay),
        ("h", TimeSpan.TicksPerHour),
        ("m", TimeSpan.TicksPerMinute),
        ("s", TimeSpan.TicksPerSecond),
        ("ms", TimeSpan.TicksPerMillisecond),
        ("us", TimeSpan.TicksPerMicrosecond),
    ];

    public static Parsed<TimeSpan> Parse(string text)
    {
        if (text.Length > 0 && !text.AsSpan().ContainsAnyExceptInRange('0', '9'))
        {
            return text.AsSpan().ContainsAnyExcept('0')
                ? Parsed.Fault<TimeSpan>($"has no unit ({Shape})")
                : Parsed.Of(TimeSpan.Zero);
        }

        return UnitText.Parse(text, Units, $"is not a duration ({Shape})", "too long").Select(TimeSpan.FromTicks);
    }

    /// <summary>Formats a duration of whole microseconds; minutes and hours are used from ten minutes on.</summary>
    public static string Format(TimeSpan duration)
    {
        if (duration == TimeSpan.Zero)
        {
            return "0";
        }

        (string name, long ticks) = Units.Skip(1).First(unit =>
            duration.Ticks % unit.Size == 0 && (unit.Size <= TimeSpan.TicksPerSecond || duration >= TimeSpan.FromMinutes(10))
            || unit.Size == TimeSpan.TicksPerMicrosecond);
        return string.Create(CultureInfo.InvariantCulture, $"{duration.Ticks / ticks}{name}");
    }
}

/// <summary>Sizes: an integer of bytes, or with <c>KiB</c>, <c>MiB</c> or <c>GiB</c>.</summary>
internal static class SizeText
{
    private static readonly (string Name, long Size)[] Units = [("GiB", 1L << 30), ("MiB", 1L << 20), ("KiB", 1L << 10), ("", 1)];

    public static Parsed<long> Parse(string text) =>
        UnitText.Parse(text, Units, "is not a size (an integer of bytes, or with KiB, MiB or GiB)", "too large");

    /// <summary>Formats a size in the largest unit that divides it.</summary>
    public static string Format(long bytes)
    {
        (string name, long size) = bytes == 0 ? Units[^1] : Units.First(unit => bytes % unit.Size == 0);
        return string.Create(CultureInfo.InvariantCulture, $"{bytes / size}{name}");
    }
}

/// <summary>An integer with a unit.</summary>
internal static class UnitText
{
    public static Parsed<long> Parse(string text, (string Name, long Size)[] units, string notOne, string tooLarge)
    {
        int digits = text.AsSpan().IndexOfAnyExceptInRange('0', '9');
        digits = digits < 0 ? text.Length : digits;
        long unit = digits == 0 ? 0 : units.FirstOrDefault(candidate => text.AsSpan(digits).SequenceEqual(candidate.Name)).Size;
        if (unit == 0)
        {
            return Parsed.Fault<long>(notOne);
        }

        bool fits = long.TryParse(text.AsSpan(0, digits), NumberStyles.None, CultureInfo.InvariantCulture, out long count);
        return fits && count <= long.MaxValue / unit ? Parsed.Of(count * unit) : Parsed.OutOfRange<long>(tooLarge);
    }
}
