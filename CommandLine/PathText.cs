namespace DotNettyFraming.CommandLine;

/// <summary>Paths as users write them. Whether one exists is for whoever opens it to find out.</summary>
internal static class PathText
{
    public static Parsed<string> Parse(string text) => text switch
    {
        "" => Parsed.Fault<string>("is empty, which names no file"),
        _ when text.Contains('\0', StringComparison.Ordinal) => Parsed.Fault<string>("contains a zero character, which no path may"),
        _ => Parsed.Of(text),
    };
}
