using System.Collections;

namespace DotNettyFraming.Hosting.Options;

/// <summary>The prefixes of each program's environment variables: <c>FRAMING_IDLE_TIMEOUT</c>.</summary>
internal static class EnvironmentPrefix
{
    public const string Server = "FRAMING_";
    public const string LoadClient = "FRAMING_LOAD_";
    public const string Benchmarks = "FRAMING_BENCHMARKS_";
}

/// <summary>The environment variables of one program; an empty one is unset, and Kubernetes' own are not options.</summary>
/// <remarks>
/// Kubernetes sets variables for each Service in every container: <c>FRAMING_PORT=tcp://10.96.0.12:9999</c> for one called <c>framing</c>.
/// </remarks>
internal readonly struct ProgramEnvironment(string prefix, IReadOnlyDictionary<string, string> variables)
{
    private const string ServicePort = "_PORT";

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

    /// <summary>Whether a port is a Service's, which is a URL, and not the user's.</summary>
    private static bool IsServiceUrl(string variable, string text) =>
        variable.EndsWith(ServicePort, StringComparison.Ordinal) && text.Contains("://", StringComparison.Ordinal);

    /// <summary>Whether a variable has the program's prefix; the other prefixes start with the server's.</summary>
    private bool IsOwn(string variable) =>
        variable.StartsWith(prefix, StringComparison.Ordinal)
        && (prefix != EnvironmentPrefix.Server
            || (!variable.StartsWith(EnvironmentPrefix.LoadClient, StringComparison.Ordinal)
                && !variable.StartsWith(EnvironmentPrefix.Benchmarks, StringComparison.Ordinal)));

    /// <summary>Whether a variable belongs to a Service, which also has a <c>…_SERVICE_HOST</c>.</summary>
    private bool IsServiceLink(string variable)
    {
        for (int end = variable.IndexOf('_', StringComparison.Ordinal); end >= 0; end = variable.IndexOf('_', end + 1))
        {
            string rest = variable[end..] + "_";
            if ((rest.StartsWith("_PORT_", StringComparison.Ordinal) || rest.StartsWith("_SERVICE_", StringComparison.Ordinal))
                && variables.ContainsKey($"{variable[..end]}_SERVICE_HOST"))
            {
                return true;
            }
        }

        return false;
    }
}
