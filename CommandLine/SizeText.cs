using System.Globalization;

namespace DotNettyFraming.CommandLine;

/// <summary>Sizes as users write them: an integer of bytes, or with <c>KiB</c>, <c>MiB</c> or <c>GiB</c>.</summary>
public static class SizeText
{
    // Largest first: formatting takes the first unit that divides.
    private static readonly (string Name, long Bytes)[] Units = [("GiB", 1L << 30), ("MiB", 1L << 20), ("KiB", 1L << 10), ("", 1)];

    /// <summary>Reads a size.</summary>
    /// <param name="text">For example <c>512MiB</c>.</param>
    /// <returns>Bytes, never negative; or a fault, also where they are more than a <see cref="long"/> can count.</returns>
    public static Parsed<long> Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        int digits = text.AsSpan().IndexOfAnyExceptInRange('0', '9');
        digits = digits < 0 ? text.Length : digits;
        long unit = digits == 0 ? 0 : Units.FirstOrDefault(candidate => text.AsSpan(digits).SequenceEqual(candidate.Name)).Bytes;
        if (unit == 0)
        {
            return Parsed.Fault<long>("is not a size (an integer of bytes, or with KiB, MiB or GiB)");
        }

        return long.TryParse(text.AsSpan(0, digits), NumberStyles.None, CultureInfo.InvariantCulture, out long count)
            && count <= long.MaxValue / unit
            ? Parsed.Of(count * unit)
            : Parsed.OutOfRange<long>("too large");
    }

    /// <summary>Writes a size as <see cref="Parse"/> reads it, in the largest unit that divides it.</summary>
    /// <param name="bytes">Not negative.</param>
    /// <returns>The text.</returns>
    public static string Format(long bytes)
    {
        (string name, long size) = bytes == 0 ? Units[^1] : Units.First(unit => bytes % unit.Bytes == 0);
        return string.Create(CultureInfo.InvariantCulture, $"{bytes / size}{name}");
    }
}
