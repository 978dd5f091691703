namespace DotNettyFraming.LoadClient;

/// <summary>Where the load client writes: the console's streams, or a test's.</summary>
/// <param name="Output">Standard output: progress and summary.</param>
/// <param name="Error">Standard error: what went wrong, a line each.</param>
/// <param name="OutputIsTerminal">Whether progress may be shown in place.</param>
internal sealed record StandardStreams(TextWriter Output, TextWriter Error, bool OutputIsTerminal)
{
    /// <summary>The console's.</summary>
    public static StandardStreams OfConsole() => new(Console.Out, Console.Error, !Console.IsOutputRedirected);
}
