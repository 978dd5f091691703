using Microsoft.Playwright;

namespace DotNettyFraming.Tests.Harness;

/// <summary>The installed Chromium without a window; nothing is downloaded.</summary>
internal sealed class Browser : IAsyncDisposable
{
    private const float LongestMilliseconds = 30_000;

    // No requests of its own, no QUIC, no GPU.
    private static readonly string[] Arguments =
    [
        "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--no-first-run", "--disable-quic",
    ];

    private readonly IPlaywright _driver;
    private readonly IBrowser _browser;

    private Browser(IPlaywright driver, IBrowser browser)
    {
        _driver = driver;
        _browser = browser;
    }

    /// <summary>Starts the browser. Skips the test where Chromium is missing; in CI fails it.</summary>
    public static async Task<Browser> StartAsync()
    {
        string executable = InstalledProgram.Find("chromium");
        Assertions.SetDefaultExpectTimeout(LongestMilliseconds); // the default of 5 s is too short for a busy machine
        Environment.SetEnvironmentVariable("PLAYWRIGHT_DRIVER_SEARCH_PATH", Repository.PlaywrightPackage);
        IPlaywright driver = await Playwright.CreateAsync();
        try
        {
            return new Browser(driver, await driver.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
            {
                ExecutablePath = executable,
                Args = Environment.IsPrivilegedProcess ? [.. Arguments, "--no-sandbox"] : Arguments, // root cannot have a sandbox
                Timeout = LongestMilliseconds,
            }));
        }
        catch
        {
            driver.Dispose();
            throw;
        }
    }

    /// <summary>Opens an address in a new window and waits until it has loaded.</summary>
    public async Task<BrowserPage> OpenAsync(Uri address, int width, int height, ColorScheme colors = ColorScheme.Light)
    {
        IBrowserContext window = await _browser.NewContextAsync(new BrowserNewContextOptions
        {
            ViewportSize = new ViewportSize { Width = width, Height = height },
            ColorScheme = colors,
        });
        window.SetDefaultTimeout(LongestMilliseconds);
        var page = new BrowserPage(window, await window.NewPageAsync());
        await page.Page.GotoAsync(address.AbsoluteUri);
        return page;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _browser.DisposeAsync();
        _driver.Dispose();
    }
}
