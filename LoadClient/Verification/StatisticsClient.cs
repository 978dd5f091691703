using System.Net;
using DotNettyFraming.Hosting.Options;

namespace DotNettyFraming.LoadClient.Verification;

/// <summary>An answer: the statistics, or a fault worded to follow the server's address and a colon. It may quote the server.</summary>
internal sealed record StatisticsReading(ServerStatistics? Statistics, string? Fault);

/// <summary>A source of statistics: the server, or a test.</summary>
internal interface IStatisticsSource : IDisposable
{
    string Name { get; }

    /// <summary>Reads the statistics once, in bounded time. One call at a time.</summary>
    Task<StatisticsReading> ReadAsync(CancellationToken cancellationToken);
}

/// <summary>The server's statistics over HTTP: no proxy, no redirects, bounded in time and size.</summary>
internal sealed class StatisticsClient : IStatisticsSource
{
    private const int MaxAnswerBytes = 64 * 1024; // the server's answer has about 1 KiB
    private const int MaxFaultCharacters = 200;
    private const string StatisticsPath = "/api/stats";
    private static readonly TimeSpan MaxRequest = TimeSpan.FromSeconds(5); // from the connect to the last byte

    private readonly Uri _url;
    private readonly TimeProvider _clock;
    private readonly HttpClient _http;

    public StatisticsClient(Uri admin, TimeProvider clock)
    {
        Name = admin.OriginalString;
        _url = StatisticsOf(admin);
        _clock = clock;
        var handler = new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false, UseCookies = false };
        _http = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan }; // ReadAsync has a time-out on our clock
    }

    public string Name { get; }

    /// <summary>Parses the value of <c>--verify</c>: <c>http://127.0.0.1:9998</c>, optionally with a path.</summary>
    public static Parsed<Uri> ParseAddress(string text)
    {
        // Without a scheme, 'localhost:9998' is an absolute URL of the scheme 'localhost', and '/tmp' one of a file.
        if (!Uri.TryCreate(text, UriKind.Absolute, out Uri? url) || (url.Scheme != Uri.UriSchemeHttp && url.Scheme != Uri.UriSchemeHttps))
        {
            return Parsed.Fault<Uri>("is not an http or https URL (such as http://127.0.0.1:9998)");
        }

        return url.Query.Length > 0 || url.Fragment.Length > 0 || url.UserInfo.Length > 0
            ? Parsed.Fault<Uri>("has more than a host, a port and a path")
            : Parsed.Of(url);
    }

    /// <summary>Returns the URL of the statistics: the address itself if it names them, otherwise a path below it.</summary>
    internal static Uri StatisticsOf(Uri admin)
    {
        string path = admin.AbsolutePath.TrimEnd('/');
        path = path.EndsWith(StatisticsPath, StringComparison.Ordinal) ? path : path + StatisticsPath;
        // Not as a relative URL: a path with two slashes at its start would be parsed as a host.
        return new UriBuilder(admin) { Path = path }.Uri;
    }

    public async Task<StatisticsReading> ReadAsync(CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(MaxRequest, _clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            // Headers first, so that the body of an error is never read.
            using HttpResponseMessage response = await _http.GetAsync(_url, HttpCompletionOption.ResponseHeadersRead, either.Token);
            if (response.StatusCode != HttpStatusCode.OK)
            {
                string redirect = (int)response.StatusCode is >= 300 and < 400 ? ", and redirects are not followed" : "";
                return Fault($"{_url.AbsolutePath} was answered with status {(int)response.StatusCode}{redirect}");
            }

            await response.Content.LoadIntoBufferAsync(MaxAnswerBytes, either.Token);
            return ServerStatistics.Parse(await response.Content.ReadAsByteArrayAsync(either.Token));
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return Fault($"did not answer within {DurationText.Format(MaxRequest)}");
        }
        catch (HttpRequestException exception) when (exception.HttpRequestError == HttpRequestError.ConfigurationLimitExceeded)
        {
            return Fault($"answered with more than {SizeText.Format(MaxAnswerBytes)}");
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException)
        {
            string message = (exception.InnerException ?? exception).Message.TrimEnd('.'); // the inner one has the cause
            return Fault(message.Length > MaxFaultCharacters ? $"{message[..MaxFaultCharacters]}…" : message);
        }
    }

    public void Dispose() => _http.Dispose();

    private static StatisticsReading Fault(string fault) => new(null, fault);
}
