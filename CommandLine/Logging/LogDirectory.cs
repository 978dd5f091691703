namespace DotNettyFraming.CommandLine.Logging;

/// <summary>Where the log's files go: a directory, or nowhere.</summary>
/// <param name="Path">A directory, created when logging starts; null for standard output only.</param>
public sealed record LogDirectory(string? Path)
{
    /// <summary>How a user says "no file".</summary>
    private const string NoneText = "none";

    /// <summary>Standard output only.</summary>
    public static LogDirectory None { get; } = new((string?)null);

    /// <summary><c>logs</c> beside the executable.</summary>
    public static LogDirectory Default { get; } = new(System.IO.Path.Combine(AppContext.BaseDirectory, "logs")) { IsDefault = true };

    /// <summary>Whether nobody asked for it; then it may fail, as in an image that is read-only, and there are no files.</summary>
    public bool IsDefault { get; internal init; }

    /// <summary>Declares <c>--log-directory</c>, which means the same to every program.</summary>
    /// <param name="set">The program's options.</param>
    /// <returns>The declaration.</returns>
    public static OptionDeclaration<LogDirectory> Declare(OptionSet set)
    {
        ArgumentNullException.ThrowIfNull(set);
        return set.Custom(
            "--log-directory",
            "DIRECTORY",
            Default,
            "logs beside the executable",
            "Where the files of nlog.config go; none = standard output only.",
            text => text == NoneText ? Parsed.Of(None) : PathText.Parse(text).Select(path => new LogDirectory(path)),
            directory => directory.Path is null ? NoneText : System.IO.Path.GetFullPath(directory.Path));
    }
}
