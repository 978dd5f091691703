namespace DotNettyFraming.CommandLine;

/// <summary>How the names of each program's environment variables begin.</summary>
/// <remarks>
/// They stand side by side because the server's begins all others: <c>FRAMING_LOAD_RATE</c> must not look like an unknown variable of the
/// server's, although it begins as those do.
/// </remarks>
public static class EnvironmentPrefix
{
    /// <summary>The server's: <c>FRAMING_IDLE_TIMEOUT</c>.</summary>
    public const string Server = "FRAMING_";

    /// <summary>The load client's: <c>FRAMING_LOAD_CONNECTIONS</c>.</summary>
    public const string LoadClient = "FRAMING_LOAD_";

    /// <summary>The comparison's: <c>FRAMING_BENCHMARKS_ROUNDS</c>.</summary>
    public const string Benchmarks = "FRAMING_BENCHMARKS_";

    private static readonly string[] All = [Server, LoadClient, Benchmarks];

    /// <summary>Whether a variable is one that the program with this prefix has to know.</summary>
    internal static bool Owns(string prefix, string variable) =>
        variable.StartsWith(prefix, StringComparison.Ordinal)
        && !All.Any(other => other.Length > prefix.Length && variable.StartsWith(other, StringComparison.Ordinal));
}
