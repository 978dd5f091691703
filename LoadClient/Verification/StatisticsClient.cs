using System.Net;
using DotNettyFraming.Hosting.Options;

namespace DotNettyFraming.LoadClient.Verification;

/// <summary>Reads the server's statistics over HTTP: from the one address that was given, by no proxy, without following redirects.</summary>
/// <remarks>Whatever the other end does is a fault in the reading, bounded in time and in size.</remarks>
internal sealed class StatisticsClient : IStatisticsSource
{
    /// <summary>Enough to recognise what the other end is; a line must stay a line.</summary>
    private const int LongestFault = 200;

    private readonly Uri _url;
    private readonly VerificationLimits _limits;
    private readonly TimeProvider _clock;
    private readonly HttpClient _http;

    /// <summary>Prepares; nothing is sent yet.</summary>
    /// <param name="admin">The server's admin address.</param>
    /// <param name="limits">Time and size.</param>
    /// <param name="clock">Measures the time.</param>
    public StatisticsClient(Uri admin, VerificationLimits limits, TimeProvider clock)
    {
        Name = admin.OriginalString;
        _url = AdminAddress.StatisticsOf(admin);
        _limits = limits;
        _clock = clock;
        var handler = new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false, UseCookies = false };
        // The time-out is ours, on our clock.
        _http = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public async Task<StatisticsReading> ReadAsync(CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(_limits.Request, _clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            // Headers first: what a 404 has for a body is never read.
            using HttpResponseMessage response = await _http.GetAsync(_url, HttpCompletionOption.ResponseHeadersRead, either.Token);
            if (response.StatusCode != HttpStatusCode.OK)
            {
                string redirect = (int)response.StatusCode is >= 300 and < 400 ? ", and redirects are not followed" : "";
                return StatisticsReading.Failed($"{_url.AbsolutePath} was answered with status {(int)response.StatusCode}{redirect}");
            }

            await response.Content.LoadIntoBufferAsync(_limits.MaxAnswerBytes, either.Token);
            return ServerStatistics.Parse(await response.Content.ReadAsByteArrayAsync(either.Token));
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return StatisticsReading.Failed($"did not answer within {DurationText.Format(_limits.Request)}");
        }
        catch (HttpRequestException exception) when (exception.HttpRequestError == HttpRequestError.ConfigurationLimitExceeded)
        {
            return StatisticsReading.Failed($"answered with more than {SizeText.Format(_limits.MaxAnswerBytes)}");
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException)
        {
            return StatisticsReading.Failed(Words(exception));
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    /// <summary>The outer exception only says that something went wrong; the one inside says what.</summary>
    private static string Words(Exception exception)
    {
        string message = (exception.InnerException ?? exception).Message.TrimEnd('.');
        return message.Length > LongestFault ? $"{message[..LongestFault]}…" : message;
    }
}
