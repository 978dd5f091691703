namespace DotNettyFraming.CommandLine;

/// <summary>Variables that Kubernetes sets in every container for each Service of the namespace, under the Service's name.</summary>
/// <remarks>A Service called <c>framing</c> gives <c>FRAMING_PORT=tcp://10.96.0.12:9999</c>, which is not a port of ours.</remarks>
internal static class ServiceLinks
{
    private const string Host = "_SERVICE_HOST";
    private const string Port = "_PORT";

    /// <summary>Whether a variable is one of a Service, judged by its name and by the Service's <c>…_SERVICE_HOST</c>.</summary>
    public static bool Contains(IReadOnlyDictionary<string, string> environment, string variable)
    {
        for (int end = variable.IndexOf('_', StringComparison.Ordinal); end >= 0; end = variable.IndexOf('_', end + 1))
        {
            string rest = variable[end..];
            if ((rest == Port || rest.StartsWith("_PORT_", StringComparison.Ordinal) || rest.StartsWith("_SERVICE_", StringComparison.Ordinal))
                && environment.ContainsKey(variable[..end] + Host))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Whether a variable has a Service's URL as its value; a user's own value of it is a number.</summary>
    public static bool IsUrl(string variable, string value) =>
        variable.EndsWith(Port, StringComparison.Ordinal) && value.Contains("://", StringComparison.Ordinal);
}
