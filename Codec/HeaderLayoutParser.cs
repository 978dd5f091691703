using System.Globalization;

namespace DotNettyFraming.Codec;

/// <summary>A parser of layouts: tokens separated by spaces, alternatives by <c>|</c>.</summary>
internal sealed class HeaderLayoutParser
{
    private const int MaxAdjustment = 65_535;
    private const int QuotedLength = 40;

    private static readonly string[] LengthTypes = ["u8", "u16le", "u16be", "u24le", "u24be", "u32le", "u32be"];

    private readonly List<HeaderAlternative> _alternatives = [];
    private readonly List<string> _text = [];

    // Of the alternative that is being parsed.
    private readonly List<byte?> _bytes = [];
    private LengthField? _field;
    private TimeField? _time;

    private HeaderLayoutParser()
    {
    }

    /// <summary>Returns the layout, or null and the error, worded to follow the quoted text.</summary>
    public static HeaderLayout? Parse(string text, out string? error)
    {
        string[] tokens = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var parser = new HeaderLayoutParser();
        for (int i = 0; i < tokens.Length; i++)
        {
            string? fault = parser.Add(tokens[i]) ?? (i == tokens.Length - 1 ? parser.EndAlternative() : null);
            if (fault is not null)
            {
                string token = tokens[i].Length > QuotedLength ? $"{tokens[i][..QuotedLength]}…" : tokens[i];
                error = $"is wrong at token {i + 1}, '{token}': {fault}";
                return null;
            }
        }

        error = tokens.Length == 0 ? "is empty, and a header has at least a length, such as len:u16be"
            : parser._alternatives.Exists(alternative => alternative.Field is not null) ? null
            : "has no length, such as len:u16be";
        return error is null ? new HeaderLayout([.. parser._alternatives], string.Join(' ', parser._text)) : null;
    }

    /// <summary>Adds a token; returns what is wrong with it, or null.</summary>
    private string? Add(string token) => token.Split(':', 2) switch
    {
        ["len", var value] => AddLength(value),
        ["time", var value] => AddTime(value),
        ["skip", var value] => AddSkipped(value),
        ["|"] => EndAlternative() ?? Append("|"),
        [{ Length: 2 }] when byte.TryParse(token, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte literal) =>
            AddBytes(1, $"{literal:X2}", literal),
        _ => "is neither two hexadecimal digits, len:TYPE, time:TYPE, skip:N nor |",
    };

    private string? EndAlternative()
    {
        if (_bytes.Count == 0)
        {
            return "an alternative has no bytes";
        }

        _alternatives.Add(new HeaderAlternative(_bytes, _field, _time));
        _bytes.Clear();
        _field = null;
        _time = null;
        return null;
    }

    /// <summary>Adds <c>TYPE</c>, and behind it, in any order, <c>&amp;HEX</c> and <c>+N</c> or <c>-N</c>.</summary>
    private string? AddLength(string value)
    {
        string type = LengthTypes.FirstOrDefault(type => value.StartsWith(type, StringComparison.Ordinal), "");
        if (type.Length == 0)
        {
            return $"its type is none of {string.Join(", ", LengthTypes)}";
        }

        if (_field is not null)
        {
            return "the header has a length already";
        }

        int size = type[1..] switch { "8" => 1, ['1', ..] => 2, ['2', ..] => 3, _ => 4 };
        uint largest = uint.MaxValue >> (8 * (sizeof(uint) - size));
        uint? mask = null;
        int? adjustment = null;
        for (string rest = value[type.Length..]; rest.Length > 0;)
        {
            int next = rest.AsSpan(1).IndexOfAny('+', '-', '&');
            int length = next < 0 ? rest.Length : next + 1;
            string operand = rest[1..length];
            if (rest[0] == '&' && mask is null)
            {
                if (!uint.TryParse(operand, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out uint bits)
                    || bits == 0 || bits > largest)
                {
                    return $"its mask is no hexadecimal number from 1 to {largest:X}";
                }

                mask = bits;
            }
            else if (rest[0] is '+' or '-' && adjustment is null)
            {
                if (!int.TryParse(operand, NumberStyles.None, CultureInfo.InvariantCulture, out int number)
                    || number is 0 or > MaxAdjustment)
                {
                    return $"its adjustment is no number from 1 to {MaxAdjustment}";
                }

                adjustment = rest[0] == '-' ? -number : number;
            }
            else
            {
                return $"behind {type} there may be one mask, &HEX, and one adjustment, +N or -N";
            }

            rest = rest[length..];
        }

        _field = new LengthField(_bytes.Count, size, type.EndsWith("be", StringComparison.Ordinal), mask ?? largest, adjustment ?? 0);
        return _field.Value.MaxPayloadLength < 0
            ? "no value of it gives a length of at least 0"
            : AddBytes(size, $"len:{type}{(mask is null ? "" : $"&{mask:X}")}{(adjustment > 0 ? "+" : "")}{adjustment}");
    }

    private string? AddTime(string type)
    {
        if (type is not ("u32le" or "u32be"))
        {
            return "its type is neither u32le nor u32be";
        }

        if (_time is not null)
        {
            return "the header has a time already";
        }

        _time = new TimeField(_bytes.Count, IsBigEndian: type == "u32be");
        return AddBytes(TimeField.Size, $"time:{type}");
    }

    private string? AddSkipped(string value) =>
        int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int count)
        && count is > 0 and <= HeaderLayout.LongestHeader
            ? AddBytes(count, $"skip:{count}")
            : $"its number is none from 1 to {HeaderLayout.LongestHeader}";

    private string? AddBytes(int count, string text, byte? literal = null)
    {
        _bytes.AddRange(Enumerable.Repeat(literal, count));
        return _bytes.Count > HeaderLayout.LongestHeader
            ? $"the header is longer than {HeaderLayout.LongestHeader} bytes"
            : Append(text);
    }

    private string? Append(string text)
    {
        _text.Add(text);
        return null;
    }
}
