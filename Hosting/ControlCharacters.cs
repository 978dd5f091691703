using System.Globalization;
using System.Text;

namespace DotNettyFraming.Hosting;

/// <summary>The escaping of untrusted text, so that it stays on its line of a terminal or log and cannot move the cursor.</summary>
/// <remarks>
/// <c>"a\r\nb\u001B[2J"</c> becomes <c>a\r\nb\u001B[2J</c>, all printable. Control characters (C0, DEL, C1), Unicode's line and paragraph
/// separators, and format characters (some reverse the direction of text) are escaped. Backslashes are not, so this cannot be undone.
/// </remarks>
internal static class ControlCharacters
{
    /// <summary>Returns the text with escapes; the same instance if there is nothing to escape.</summary>
    public static string Escape(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        for (int i = 0; i < text.Length; i++)
        {
            if (IsUnsafe(text[i]))
            {
                return EscapeFrom(text, i);
            }
        }

        return text;
    }

    private static string EscapeFrom(string text, int firstUnsafe)
    {
        var escaped = new StringBuilder(text, 0, firstUnsafe, text.Length + 16);
        foreach (char c in text.AsSpan(firstUnsafe))
        {
            _ = c switch
            {
                '\r' => escaped.Append(@"\r"),
                '\n' => escaped.Append(@"\n"),
                '\t' => escaped.Append(@"\t"),
                _ when IsUnsafe(c) => escaped.Append(CultureInfo.InvariantCulture, $@"\u{(int)c:X4}"),
                _ => escaped.Append(c),
            };
        }

        return escaped.ToString();
    }

    private static bool IsUnsafe(char c) => c >= ' ' && c < '\u007F'
        ? false
        : char.GetUnicodeCategory(c) is UnicodeCategory.Control or UnicodeCategory.Format
            or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;
}
