using DotNettyFraming.Hosting.Options;

namespace DotNettyFraming.LoadClient.Verification;

/// <summary>The server's admin address as users write it: <c>http://127.0.0.1:9998</c>, a path before <c>/api/stats</c> included.</summary>
internal static class AdminAddress
{
    private const string StatisticsPath = "/api/stats";

    /// <summary>Reads the value of <c>--verify</c>.</summary>
    /// <returns>The URL as it was written; <see cref="StatisticsOf"/> adds the path.</returns>
    public static Parsed<Uri> Parse(string text)
    {
        // Without a scheme, 'localhost:9998' is an absolute URL of the scheme 'localhost', and '/tmp' one of a file.
        if (!Uri.TryCreate(text, UriKind.Absolute, out Uri? url) || (url.Scheme != Uri.UriSchemeHttp && url.Scheme != Uri.UriSchemeHttps))
        {
            return Parsed.Fault<Uri>("is not an http or https URL (such as http://127.0.0.1:9998)");
        }

        if (url.Query.Length > 0 || url.Fragment.Length > 0 || url.UserInfo.Length > 0)
        {
            return Parsed.Fault<Uri>("has more than a host, a port and a path");
        }

        return Parsed.Of(url);
    }

    /// <summary>Where the statistics are: below the address, or at it where it names them already.</summary>
    public static Uri StatisticsOf(Uri admin)
    {
        string path = admin.AbsolutePath.TrimEnd('/');
        path = path.EndsWith(StatisticsPath, StringComparison.Ordinal) ? path : path + StatisticsPath;
        // Not relative to the address: a path that begins with two slashes would be taken as a host.
        return new UriBuilder(admin) { Path = path }.Uri;
    }
}
