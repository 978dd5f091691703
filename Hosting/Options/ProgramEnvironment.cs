using System.Collections;

namespace DotNettyFraming.Hosting.Options;

/// <summary>The starts of the names of each program's environment variables.</summary>
internal static class EnvironmentPrefix
{
    /// <summary>The server's: <c>FRAMING_IDLE_TIMEOUT</c>.</summary>
    public const string Server = "FRAMING_";

    /// <summary>The load client's: <c>FRAMING_LOAD_CONNECTIONS</c>.</summary>
    public const string LoadClient = "FRAMING_LOAD_";

    /// <summary>The comparison's: <c>FRAMING_BENCHMARKS_ROUNDS</c>.</summary>
    public const string Benchmarks = "FRAMING_BENCHMARKS_";
}

/// <summary>The environment variables of one program; an empty one is unset, and Kubernetes' own are not options.</summary>
/// <remarks>
/// For each Service of the namespace, Kubernetes sets variables under its name in every container: a Service called <c>framing</c> gives
/// <c>FRAMING_PORT=tcp://10.96.0.12:9999</c>.
/// </remarks>
internal readonly struct ProgramEnvironment(string prefix, IReadOnlyDictionary<string, string> variables)
{
    private const string ServicePort = "_PORT";

    /// <summary>Returns an option's text; null if there is none.</summary>
    public string? this[string variable] =>
        variables.TryGetValue(variable, out string? text) && text.Length > 0 && !IsServiceUrl(variable, text) ? text : null;

    /// <summary>Reads the variables of this process.</summary>
    public static Dictionary<string, string> OfProcess()
    {
        var variables = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (DictionaryEntry variable in Environment.GetEnvironmentVariables())
        {
            variables[(string)variable.Key] = (string?)variable.Value ?? "";
        }

        return variables;
    }

    /// <summary>Returns a warning for each variable with the program's prefix that is no option.</summary>
    public IReadOnlyList<string> Unknown(IEnumerable<OptionDeclaration> options)
    {
        HashSet<string> known = [.. options.Select(option => option.EnvironmentVariable)];
        var warnings = new List<string>();
        foreach ((string name, string text) in variables)
        {
            if (text.Length == 0 || !IsOwn(name) || IsServiceLink(name) || (known.Contains(name) && !IsServiceUrl(name, text)))
            {
                continue;
            }

            warnings.Add(Fault.Line(Fault.Shorten(name), known.Contains(name)
                ? $"{Fault.Quote(text)} is not a port but a Kubernetes service link, ignored"
                : "unknown environment variable, ignored"));
        }

        warnings.Sort(StringComparer.Ordinal);
        return warnings;
    }

    /// <summary>A number is the user's own port; a URL is a Service's.</summary>
    private static bool IsServiceUrl(string variable, string text) =>
        variable.EndsWith(ServicePort, StringComparison.Ordinal) && text.Contains("://", StringComparison.Ordinal);

    /// <summary>The server's prefix starts the others too.</summary>
    private bool IsOwn(string variable) =>
        variable.StartsWith(prefix, StringComparison.Ordinal)
        && (prefix != EnvironmentPrefix.Server
            || (!variable.StartsWith(EnvironmentPrefix.LoadClient, StringComparison.Ordinal)
                && !variable.StartsWith(EnvironmentPrefix.Benchmarks, StringComparison.Ordinal)));

    /// <summary>Whether a variable belongs to a Service, judged by its name and by the Service's <c>…_SERVICE_HOST</c>.</summary>
    private bool IsServiceLink(string variable)
    {
        for (int end = variable.IndexOf('_', StringComparison.Ordinal); end >= 0; end = variable.IndexOf('_', end + 1))
        {
            string rest = variable[end..];
            if ((rest == ServicePort || rest.StartsWith("_PORT_", StringComparison.Ordinal) || rest.StartsWith("_SERVICE_", StringComparison.Ordinal))
                && variables.ContainsKey($"{variable[..end]}_SERVICE_HOST"))
            {
                return true;
            }
        }

        return false;
    }
}
