using System.Globalization;
using System.Numerics;

namespace DotNettyFraming.CommandLine;

/// <summary>Integers as users write them: decimal digits, with a minus where the range has one.</summary>
internal static class IntegerText
{
    public static Parsed<T> Parse<T>(string text, T min, T max)
        where T : struct, IBinaryInteger<T>, IMinMaxValue<T>
    {
        ReadOnlySpan<char> digits = text.StartsWith('-') ? text.AsSpan(1) : text;
        if (digits.IsEmpty || digits.ContainsAnyExceptInRange('0', '9'))
        {
            return Parsed.Fault<T>("is not an integer");
        }

        // Digits that do not fit into the type are as far out of range as digits that do.
        return T.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out T value)
            ? Parsed.Of(value).Within(min, max, Range(min, max))
            : Parsed.OutOfRange<T>(Range(min, max));
    }

    public static string Range<T>(T min, T max)
        where T : struct, IBinaryInteger<T>, IMinMaxValue<T> => max == T.MaxValue ? $"{min} or more" : $"{min} to {max}";
}
