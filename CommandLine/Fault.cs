namespace DotNettyFraming.CommandLine;

/// <summary>How a fault is worded: <c>--port (from FRAMING_PORT): '70000' is out of range (0 to 65535)</c>.</summary>
internal static class Fault
{
    // Enough to recognise what one typed; a line must stay a line.
    private const int LongestQuotation = 80;

    public static string Line(string origin, string reason) => ControlCharacters.Escape($"{origin}: {reason}");

    public static string Origin(OptionDeclaration option, OptionSource source) =>
        source == OptionSource.Environment ? $"{option.Name} (from {option.EnvironmentVariable})" : option.Name;

    public static string Quote(string text) => $"'{Shorten(text)}'";

    public static string Shorten(string text) => text.Length > LongestQuotation ? $"{text[..LongestQuotation]}…" : text;
}
