using System.Net;
using DotNettyFraming.LoadClient.Reporting;
using DotNettyFraming.Tests.Harness;
using Microsoft.Playwright;

namespace DotNettyFraming.Tests.LoadClient.Reporting;

/// <summary>The page in a real browser: it shows its plots, asks for nothing, and fits a desk and a telephone.</summary>
[CancelAfter(120_000)]
[Category("Slow")]
public sealed class HtmlReportInBrowserTests
{
    /// <summary>Pairs of words of one plot that lie over each other, or words that stick out of it.</summary>
    private const string UnreadableWords =
        """
        () => [...document.querySelectorAll('svg')].flatMap(svg => {
          const words = [...svg.querySelectorAll('text')].filter(word => word.textContent && getComputedStyle(word).display !== 'none')
            .map(word => ({ text: word.textContent, box: word.getBoundingClientRect() }));
          const over = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
          const card = svg.getBoundingClientRect();
          return words.filter(word => word.box.left < card.left || word.box.right > card.right).map(word => word.text + ' sticks out')
            .concat(words.flatMap((a, i) => words.slice(i + 1).filter(b => over(a.box, b.box)).map(b => a.text + ' over ' + b.text)));
        })
        """;

    private readonly string _file = Path.Combine(Path.GetTempPath(), $"load-run-{Guid.NewGuid():N}.html");
    private Browser? _browser;

    [OneTimeSetUp]
    public async Task Start() => _browser = await Browser.StartAsync();

    [OneTimeTearDown]
    public async Task Stop()
    {
        File.Delete(_file);
        if (_browser is not null)
        {
            await _browser.DisposeAsync();
        }
    }

    [TestCase(1280, ColorScheme.Light)]
    [TestCase(1280, ColorScheme.Dark)]
    [TestCase(390, ColorScheme.Light)]
    [TestCase(390, ColorScheme.Dark)]
    public async Task Page_shows_every_plot_and_asks_for_nothing(int width, ColorScheme colors)
    {
        await using BrowserPage page = await OpenAsync(SampleRun.Of(seconds: 60), width, colors);

        await page.SavePictureAsync($"load-run-{width}-{colors}");
        IReadOnlyList<ILocator> plots = await page.Page.GetByRole(AriaRole.Img).AllAsync();
        Assert.That(plots, Has.Count.EqualTo(6));
        foreach (ILocator plot in plots)
        {
            LocatorBoundingBoxResult? box = await plot.BoundingBoxAsync();
            Assert.That(box, Is.Not.Null);
            Assert.That(box.Width, Is.InRange(300, width));
            Assert.That(box.Height, Is.GreaterThan(150));
        }

        Assert.That(await page.ExcessWidthAsync(), Is.Zero);
        Assert.That(await page.Page.EvaluateAsync<string[]>(UnreadableWords), Is.Empty);
        Assert.That(page.Faults, Is.Empty);
        Assert.That(page.Requests, Is.EqualTo(new[] { new Uri(_file).AbsoluteUri }));
    }

    [Test]
    public async Task Tables_open_at_a_click_and_scroll_in_their_own_box()
    {
        await using BrowserPage page = await OpenAsync(SampleRun.Of(seconds: 60), width: 390, ColorScheme.Light);

        foreach (ILocator summary in await page.Page.Locator("summary").AllAsync())
        {
            await summary.ClickAsync();
        }

        Assert.That(await page.Page.Locator("details table:visible").CountAsync(), Is.EqualTo(6));
        Assert.That(await page.ExcessWidthAsync(), Is.Zero);
        Assert.That(page.Faults, Is.Empty);
    }

    [Test]
    public async Task A_day_stays_readable()
    {
        await using BrowserPage page = await OpenAsync(SampleRun.Of(seconds: 86_400), width: 1280, ColorScheme.Light);

        Assert.That(await page.Page.EvaluateAsync<string[]>(UnreadableWords), Is.Empty);
        await page.SavePictureAsync("load-run-of-a-day");
        Assert.That(page.Faults, Is.Empty);
    }

    private async Task<BrowserPage> OpenAsync(RunReport report, int width, ColorScheme colors)
    {
        byte[] html = HtmlReport.ToUtf8(report, new IPEndPoint(IPAddress.Loopback, 9999), DateTimeOffset.UnixEpoch);
        await File.WriteAllBytesAsync(_file, html);
        return await _browser!.OpenAsync(new Uri(_file), width, height: 900, colors);
    }
}
