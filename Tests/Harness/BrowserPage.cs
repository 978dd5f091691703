using System.Collections.Concurrent;
using Microsoft.Playwright;

namespace DotNettyFraming.Tests.Harness;

/// <summary>A page in its own window of a <see cref="Browser"/>, with its requests and faults since the first request.</summary>
internal sealed class BrowserPage : IAsyncDisposable
{
    private readonly IBrowserContext _window;
    private readonly ConcurrentQueue<string> _requests = [];
    private readonly ConcurrentQueue<string> _faults = [];

    /// <summary>Watches an empty page.</summary>
    public BrowserPage(IBrowserContext window, IPage page)
    {
        _window = window;
        Page = page;
        page.Request += (_, request) => _requests.Enqueue(request.Url);
        page.RequestFailed += (_, request) => _faults.Enqueue($"{request.Url}: {request.Failure}");
        page.Response += (_, response) => Fault(response.Status >= 400, $"{response.Url}: {response.Status}");
        page.Console += (_, message) => Fault(message.Type is "error" or "warning", $"console {message.Type}: {message.Text}");
        page.PageError += (_, error) => _faults.Enqueue($"script: {error}");
    }

    public IPage Page { get; }

    /// <summary>Every address that the page requested.</summary>
    public IReadOnlyCollection<string> Requests => _requests;

    /// <summary>Errors and warnings of its console and scripts, and failed requests.</summary>
    public IReadOnlyCollection<string> Faults => _faults;

    /// <summary>Returns the width in pixels beyond its window's; above 0 a reader must scroll sideways.</summary>
    public Task<int> ExcessWidthAsync() =>
        Page.EvaluateAsync<int>("document.documentElement.scrollWidth - document.documentElement.clientWidth");

    /// <summary>Saves a picture of the whole page next to the test results.</summary>
    public async Task SavePictureAsync(string name)
    {
        string file = Path.Combine(Repository.Root, "Tests", "TestResults", $"{name}.png");
        await Page.ScreenshotAsync(new PageScreenshotOptions { Path = file, FullPage = true });
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await _window.DisposeAsync();

    private void Fault(bool isFault, string what)
    {
        if (isFault)
        {
            _faults.Enqueue(what);
        }
    }
}
