using System.Collections.Concurrent;
using Microsoft.Playwright;

namespace DotNettyFraming.Tests.Harness;

/// <summary>A page in its own window of a <see cref="Browser"/>, and what happened in it from its first request on.</summary>
internal sealed class BrowserPage : IAsyncDisposable
{
    private readonly IBrowserContext _window;
    private readonly ConcurrentQueue<string> _requests = [];
    private readonly ConcurrentQueue<string> _faults = [];

    /// <summary>Begins to watch a page that has nothing in it yet.</summary>
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

    /// <summary>The page.</summary>
    public IPage Page { get; }

    /// <summary>Every address that it asked for.</summary>
    public IReadOnlyCollection<string> Requests => _requests;

    /// <summary>Errors and warnings of its console and its scripts, and requests that failed.</summary>
    public IReadOnlyCollection<string> Faults => _faults;

    /// <summary>How far it is wider than its window, in pixels; a reader would have to scroll sideways.</summary>
    public Task<int> ExcessWidthAsync() =>
        Page.EvaluateAsync<int>("document.documentElement.scrollWidth - document.documentElement.clientWidth");

    /// <summary>A picture of the whole page, beside the tests' results (an attachment would be copied there once more each run).</summary>
    public async Task SavePictureAsync(string name)
    {
        string file = Path.Combine(Repository.Root, "Tests", "TestResults", $"{name}.png");
        await Page.ScreenshotAsync(new PageScreenshotOptions { Path = file, FullPage = true });
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await _window.DisposeAsync();

    private void Fault(bool isOne, string what)
    {
        if (isOne)
        {
            _faults.Enqueue(what);
        }
    }
}
