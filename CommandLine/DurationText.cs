using System.Globalization;

namespace DotNettyFraming.CommandLine;

/// <summary>Durations as users write them: <c>250ms</c>, <c>5m</c>.</summary>
/// <remarks>An integer and <c>us</c>, <c>ms</c>, <c>s</c>, <c>m</c> or <c>h</c>; only <c>0</c> may be bare.</remarks>
public static class DurationText
{
    /// <summary>The longest duration that an option accepts unless it says otherwise.</summary>
    /// <remarks>Long enough to mean "never", short enough to be added to any clock without overflow.</remarks>
    public static readonly TimeSpan Longest = TimeSpan.FromDays(365);

    private const string Shape = "an integer and us, ms, s, m or h; only 0 may be bare";

    // Largest first: formatting takes the first unit that divides.
    private static readonly (string Name, long Ticks)[] Units =
    [
        ("h", TimeSpan.TicksPerHour),
        ("m", TimeSpan.TicksPerMinute),
        ("s", TimeSpan.TicksPerSecond),
        ("ms", TimeSpan.TicksPerMillisecond),
        ("us", TimeSpan.TicksPerMicrosecond),
    ];

    /// <summary>Reads a duration.</summary>
    /// <param name="text">For example <c>250ms</c>.</param>
    /// <returns>The duration, never negative; or a fault, also where it is longer than a <see cref="TimeSpan"/> can be.</returns>
    public static Parsed<TimeSpan> Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        int digits = text.AsSpan().IndexOfAnyExceptInRange('0', '9');
        if (digits < 0 && text.Length > 0)
        {
            return text.AsSpan().ContainsAnyExcept('0')
                ? Parsed.Fault<TimeSpan>($"has no unit ({Shape})")
                : Parsed.Of(TimeSpan.Zero);
        }

        long unit = digits <= 0 ? 0 : Units.FirstOrDefault(candidate => text.AsSpan(digits).SequenceEqual(candidate.Name)).Ticks;
        if (unit == 0)
        {
            return Parsed.Fault<TimeSpan>($"is not a duration ({Shape})");
        }

        return long.TryParse(text.AsSpan(0, digits), NumberStyles.None, CultureInfo.InvariantCulture, out long count)
            && count <= TimeSpan.MaxValue.Ticks / unit
            ? Parsed.Of(TimeSpan.FromTicks(count * unit))
            : Parsed.OutOfRange<TimeSpan>("too long");
    }

    /// <summary>Writes a duration as <see cref="Parse"/> reads it; in minutes and hours only from ten minutes on.</summary>
    /// <param name="duration">Not negative; whole microseconds.</param>
    /// <returns>The text.</returns>
    public static string Format(TimeSpan duration)
    {
        if (duration == TimeSpan.Zero)
        {
            return "0";
        }

        (string name, long ticks) = Units.First(unit =>
            duration.Ticks % unit.Ticks == 0 && (unit.Ticks <= TimeSpan.TicksPerSecond || duration >= TimeSpan.FromMinutes(10))
            || unit.Ticks == TimeSpan.TicksPerMicrosecond);
        return string.Create(CultureInfo.InvariantCulture, $"{duration.Ticks / ticks}{name}");
    }
}
