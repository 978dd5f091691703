using DotNettyFraming.LoadClient.Measuring;
using DotNettyFraming.LoadClient.Reporting;
using DotNettyFraming.Tests.Harness;
using HdrHistogram;
using Microsoft.Playwright;

namespace DotNettyFraming.Tests.LoadClient.Reporting;

/// <summary>The page in a real browser: it shows its plots and tables, fetches nothing, and fits a desktop and a phone.</summary>
[CancelAfter(120_000)]
[Category("Slow")]
public sealed class HtmlReportInBrowserTests
{
    /// <summary>A script that returns the words of a plot that overlap or stick out of it.</summary>
    private const string UnreadableWords =
        """
        () => [...document.querySelectorAll('svg.main-svg')].flatMap(svg => {
          const words = [...svg.querySelectorAll('text')].filter(word => word.textContent && getComputedStyle(word).display !== 'none')
            .map(word => ({ text: word.textContent, box: word.getBoundingClientRect() }));
          const over = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
          const card = svg.getBoundingClientRect();
          return words.filter(word => word.box.left < card.left || word.box.right > card.right).map(word => word.text + ' sticks out')
            .concat(words.flatMap((a, i) => words.slice(i + 1).filter(b => over(a.box, b.box)).map(b => a.text + ' over ' + b.text)));
        })
        """;

    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    /// <summary>Runs of every kind, each with its number of plots that have data.</summary>
    private static readonly Dictionary<string, (RunReport Report, int Plots)> Runs = MakeRuns();

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
            Assert.That(await plot.Locator(".scatterlayer path.js-line").CountAsync(), Is.Positive, "a line is drawn");
            Assert.That(await plot.GetAttributeAsync("aria-label"), Does.Match("[0-9]").And.Not.Match("NaN|Infinity|undefined"));
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
        Assert.That(
            await TextAsync(page, "#remark"),
            Does.StartWith("The plots over time have a point, and their tables a row, for each 144 s"));
        Assert.That(await page.Page.Locator("details").First.Locator("tbody tr").CountAsync(), Is.EqualTo(600));
        await page.SavePictureAsync("load-run-of-a-day");
        Assert.That(page.Faults, Is.Empty);
    }

    [Test]
    public async Task Page_of_any_run_is_whole()
    {
        foreach ((string run, (RunReport report, int plots)) in Runs)
        {
            await using BrowserPage page = await OpenAsync(report, width: 1280, ColorScheme.Light);

            Assert.That(await page.Page.GetByRole(AriaRole.Img).CountAsync(), Is.EqualTo(plots), run);
            Assert.That(await page.Page.Locator("details").CountAsync(), Is.EqualTo(plots), "each with its table");
            Assert.That(await TextAsync(page, "main"), Does.Not.Match("NaN|∞|Infinity|undefined"), run);
            Assert.That(page.Faults, Is.Empty, run);
        }
    }

    [Test]
    public async Task Figures_of_the_run_are_shown()
    {
        await using BrowserPage page = await OpenAsync(SampleReport.New(), width: 1280, ColorScheme.Light);

        IReadOnlyList<string> cells = await page.Page.Locator("h2, th, td, .bad").AllTextContentsAsync();
        string text = string.Join('|', cells);
        Assert.That(text, Does.Contain("1 of 10 connections could not be made: 1 ConnectionRefused"));
        Assert.That(text, Does.Contain("Sent in 2.00 s"));
        Assert.That(text, Does.Contain("packets|1,000|500|bytes|32,000|16,000"));
        Assert.That(text, Does.Contain("write|4|6 µs|800 µs|800 µs|800 µs|800 µs"));
        Assert.That(text, Does.Contain("asked for|10|made in 1.00 s|8|failed: ConnectionRefused|1|not attempted|1|"));
        Assert.That(text, Does.Contain("ended: by us when done|3|ended: closed by the server|4|ended: reset by the server|1|"));
        Assert.That(text, Does.Contain("until, s|Packets per second|1|400|2|600"));
    }

    [Test]
    public async Task Text_from_outside_is_shown_and_not_obeyed()
    {
        const string Hostile = "</td><script>alert(\"1\" & '2')</script>\u0001\u202E\uD800 é 😀";
        await using BrowserPage page = await OpenAsync(
            SampleReport.New() with { Failures = [new(Hostile, 1)] }, width: 1280, ColorScheme.Light);

        Assert.That(
            await TextAsync(page, "#complaints"),
            Does.EndWith("1 </td><script>alert(\"1\" & '2')</script>\\u0001\\u202E\uFFFD é 😀"));
        Assert.That(page.Faults, Is.Empty);
    }

    [Test]
    public async Task Second_without_a_latency_is_a_gap()
    {
        RunReport report = SampleRun.Of(seconds: 5);
        SecondSample[] series = [.. report.Series];
        series[2] = series[2] with { Write = default };

        Assert.That(await StretchesAsync(report), Is.EqualTo(1));
        Assert.That(await StretchesAsync(report with { Series = series }), Is.EqualTo(2));

        async Task<int> StretchesAsync(RunReport report)
        {
            await using BrowserPage page = await OpenAsync(report, width: 1280, ColorScheme.Light);
            ILocator plot = page.Page.Locator("figure").Filter(new LocatorFilterOptions { HasText = "Write latency" });
            return await plot.Locator(".scatterlayer .trace").First.Locator("path.js-line").CountAsync();
        }
    }

    private static Dictionary<string, (RunReport Report, int Plots)> MakeRuns()
    {
        RunReport sample = SampleReport.New();
        LongHistogram none = LatencyHistogram.New();
        LongHistogram zeros = SampleReport.HistogramOf(0, 0, 0);
        return new()
        {
            ["two seconds"] = (sample, 4),
            ["late packets"] = (sample with { Series = [sample.Series[0] with { Late = 3 }, sample.Series[1]] }, 5),
            ["no sample"] = (sample with { Series = [] }, 1),
            ["one sample"] = (sample with { Series = [sample.Series[0]] }, 1),
            ["nothing sent"] = (sample with { Series = [Idle(1), Idle(2)], Latencies = Latencies(none, none) }, 3),
            ["no latency above 0"] = (sample with { Series = [Fast(1), Fast(2)], Latencies = Latencies(zeros, zeros) }, 6),
            ["one value"] = (sample with { Latencies = Latencies(SampleReport.HistogramOf(7), none) }, 4),
            ["interrupted"] = (sample with { Interrupted = true, RanOutOfConnections = true }, 4),
            ["no connection"] = (sample with { Totals = LoadTotals.Zero, Series = [] }, 1),
            ["a short last interval"] = (sample with { Series = [.. sample.Series, Idle(2) with { Length = Second / 1000 }] }, 4),
        };
    }

    private static SecondSample Idle(int second) => new(second * Second, Second, 0, 0, 1, 0, default, default);

    private static SecondSample Fast(int second) =>
        new(second * Second, Second, 10, 320, 1, 0, new Latency(1, 0, 0, 0, 0, 0), new Latency(10, 0, 0, 0, 0, 0));

    private static Dictionary<LatencyKind, LongHistogram> Latencies(LongHistogram connect, LongHistogram write) =>
        new() { [LatencyKind.Connect] = connect, [LatencyKind.Write] = write };

    private static async Task<string> TextAsync(BrowserPage page, string selector) =>
        (await page.Page.Locator(selector).TextContentAsync())!;

    private async Task<BrowserPage> OpenAsync(RunReport report, int width, ColorScheme colors)
    {
        await File.WriteAllTextAsync(_file, HtmlReportTests.Html(report));
        return await _browser!.OpenAsync(new Uri(_file), width, height: 900, colors);
    }
}
