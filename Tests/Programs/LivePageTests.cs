using System.Net;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using DotNettyFraming.Tests.Harness;
using DotNettyFraming.Tests.LoadClient;
using DotNettyFraming.Tests.Server.Storage;
using Microsoft.Playwright;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Programs;

/// <summary>The live page of the server program in a real browser.</summary>
[CancelAfter(120_000)]
[Category("Slow")]
public sealed partial class LivePageTests
{
    /// <summary>A script that returns a headline's figure by its label.</summary>
    private const string Headline =
        "label => [...document.querySelectorAll('.headlines dt')]"
        + ".find(dt => dt.textContent === label)?.nextElementSibling.textContent ?? ''";

    private Browser? _browser;
    private ProgramRun? _idle;
    private Uri _idleAdmin = null!;

    /// <summary>Starts the browser, and the server of the tests that only read.</summary>
    [OneTimeSetUp]
    public async Task Start()
    {
        _browser = await Browser.StartAsync();
        (_idle, _, _idleAdmin) = await ProgramRun.StartWithAdminAsync();
    }

    [OneTimeTearDown]
    public async Task Stop()
    {
        _idle?.Dispose();
        if (_browser is not null)
        {
            await _browser.DisposeAsync();
        }
    }

    [Test]
    public async Task Page_shows_load_as_it_arrives_and_requests_no_other_host(CancellationToken cancel)
    {
        (ProgramRun run, IPEndPoint endpoint, Uri admin) = await ProgramRun.StartWithAdminAsync("--packet-timeout", "2s");
        using ProgramRun server = run;
        await using BrowserPage page = await _browser!.OpenAsync(admin, width: 1280, height: 900);
        await Assertions.Expect(page.Page.Locator("#busiest tbody")).ToHaveTextAsync("none");
        Assert.That(await FigureAsync(page, "Connections open"), Is.EqualTo("0"));

        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        Task<ClientRun> load = LoadAsync(endpoint, end.Token);
        using Peer slow = await Peer.ConnectAsync(endpoint);
        await slow.SendAsync(Article.AsMemory(..1));
        await Assertions.Expect(page.Page.Locator("#busiest tbody tr")).ToHaveCountAsync(10);
        string first = await FigureAsync(page, "Packets per second");
        await page.Page.WaitForFunctionAsync($"old => ({Headline})('Packets per second') !== old", first);
        await Assertions.Expect(page.Page.Locator("#reasons")).ToContainTextAsync("packet timeout");
        await Assertions.Expect(page.Page.Locator("#reasons")).ToContainTextAsync("peer closed");

        Assert.That(await FigureAsync(page, "Connections open"), Does.Match("^[1-9][0-9]*$"));
        Assert.That(await page.Page.Locator("#oldest tbody tr").CountAsync(), Is.EqualTo(10));
        Assert.That(
            await page.Page.Locator("#oldest tbody th").First.TextContentAsync(),
            Does.StartWith("127.0.0.1:").Or.StartWith("[::ffff:127"));
        Assert.That(await DrawnLinesAsync(page, "packets"), Is.EqualTo(2));
        Assert.That(await page.Page.Locator(".plot .main-svg").CountAsync(), Is.AtLeast(8));
        Assert.That(await page.ExcessWidthAsync(), Is.Zero);
        await page.SavePictureAsync("live-page-wide");
        await HoverOverNewestAsync(page, "packets");
        await Assertions.Expect(page.Page.Locator("#packets .hoverlayer")).ToContainTextAsync("processed");

        await page.Page.SetViewportSizeAsync(390, 900);
        await page.Page.EmulateMediaAsync(new PageEmulateMediaOptions { ColorScheme = ColorScheme.Dark });
        await page.Page.WaitForFunctionAsync("() => document.documentElement.scrollWidth === document.documentElement.clientWidth");
        await page.SavePictureAsync("live-page-narrow-dark");
        await end.CancelAsync();
        await load;
        Assert.That(page.Faults, Is.Empty);
        Assert.That(page.Requests.Where(address => !address.StartsWith(admin.AbsoluteUri, StringComparison.Ordinal)), Is.Empty);
    }

    [Test]
    public async Task Charts_follow_the_colours_when_they_change()
    {
        await using BrowserPage page = await _browser!.OpenAsync(_idleAdmin, width: 1280, height: 900, ColorScheme.Light);
        await page.Page.WaitForSelectorAsync("#connections .js-line", new() { State = WaitForSelectorState.Attached });
        const string Colours =
            "() => getComputedStyle(document.body).backgroundColor"
            + " + getComputedStyle(document.querySelector('#connections .js-line')).stroke";
        string light = await page.Page.EvaluateAsync<string>(Colours);
        await page.Page.GetByRole(AriaRole.Button, new() { Name = "Pause" }).ClickAsync(); // so that no answer redraws them

        await page.Page.EmulateMediaAsync(new PageEmulateMediaOptions { ColorScheme = ColorScheme.Dark });

        await page.Page.WaitForFunctionAsync(
            "light => { const now = (" + Colours + ")(); return light.split(')').slice(0, 2).every(part => !now.includes(part)); }", light);
        Assert.That(page.Faults, Is.Empty);
    }

    [Test]
    public async Task Pause_works_by_keyboard()
    {
        (ProgramRun run, IPEndPoint endpoint, Uri admin) = await ProgramRun.StartWithAdminAsync();
        using ProgramRun server = run;
        await using BrowserPage page = await _browser!.OpenAsync(admin, width: 1280, height: 900);
        await page.Page.WaitForFunctionAsync($"() => ({Headline})('Connections open') === '0'");

        await page.Page.Keyboard.PressAsync("Tab");
        Assert.That(await page.Page.EvaluateAsync<string>("document.activeElement.textContent"), Is.EqualTo("Skip to the figures"));
        await page.Page.Keyboard.PressAsync("Tab");
        await page.Page.Keyboard.PressAsync("Enter");

        ILocator resume = page.Page.GetByRole(AriaRole.Button, new() { Name = "Resume" });
        await Assertions.Expect(resume).ToBeFocusedAsync();
        Assert.That(await page.Page.EvaluateAsync<string>("getComputedStyle(document.activeElement).outlineStyle"), Is.EqualTo("solid"));
        using Peer peer = await Peer.ConnectAsync(endpoint);
        await peer.SendAsync(Article);
        int asked = page.Requests.Count;
        await page.Page.EvaluateAsync("() => new Promise(done => setTimeout(done, 2500))"); // two updates would come in this time
        Assert.That(page.Requests.Count - asked, Is.AtMost(1), "one request may have been under way");
        Assert.That(await FigureAsync(page, "Connections open"), Is.EqualTo("0"));

        await page.Page.Keyboard.PressAsync("Space");

        await page.Page.WaitForFunctionAsync($"() => ({Headline})('Connections open') === '1'");
        Assert.That(page.Faults, Is.Empty);
    }

    [Test]
    public async Task Notice_shows_since_when_there_is_no_answer_and_disappears()
    {
        (ProgramRun run, _, Uri admin) = await ProgramRun.StartWithAdminAsync();
        using ProgramRun server = run;
        await using BrowserPage page = await _browser!.OpenAsync(admin, width: 1280, height: 900);
        await Assertions.Expect(page.Page.Locator("#phase")).ToHaveTextAsync("serving");
        ILocator notice = page.Page.GetByRole(AriaRole.Alert);
        await Assertions.Expect(notice).ToBeHiddenAsync();

        server.Kill();

        await Assertions.Expect(notice).ToHaveTextAsync(SinceWhen());
        await page.SavePictureAsync("live-page-no-answer");
        using ProgramRun next = ProgramRun.Start(
            "Server", ["--port", "0", "--log-directory", "none", "--admin", $"127.0.0.1:{admin.Port}"]);
        await next.LineAsync("listening on ");
        await Assertions.Expect(notice).ToBeHiddenAsync();
        await page.Page.WaitForFunctionAsync($"() => ({Headline})('Connections open') === '0'");
    }

    [Test]
    public async Task Lag_of_forwarding_is_shown_in_bytes_and_seconds()
    {
        using var store = new TemporaryDirectory();
        (ProgramRun run, IPEndPoint endpoint, Uri admin) = await ProgramRun.StartWithAdminAsync(
            "--store", store.Path, "--forward", $"redis://127.0.0.1:{Machine.FreePort()}"); // nothing listens there
        using ProgramRun server = run;
        await using BrowserPage page = await _browser!.OpenAsync(admin, width: 1280, height: 900);
        await page.Page.WaitForFunctionAsync($"() => ({Headline})('Not yet forwarded') === '0 B'");

        using Peer peer = await Peer.ConnectAsync(endpoint);
        await peer.SendAsync(Repeat(Article, 50));

        await page.Page.WaitForFunctionAsync($"() => ({Headline})('Not yet forwarded') === '1.6 kB'");
        await Assertions.Expect(page.Page.Locator("#headlines")).ToContainTextAsync(LagInSeconds());
        Assert.That(page.Faults, Is.Empty);
    }

    [Test]
    public async Task Drain_is_shown()
    {
        (ProgramRun run, IPEndPoint endpoint, Uri admin) = await ProgramRun.StartWithAdminAsync("--work", "1h", "--drain-timeout", "6s");
        using ProgramRun server = run;
        using Peer peer = await Peer.ConnectAsync(endpoint);
        await peer.SendAsync(Article);
        await using BrowserPage page = await _browser!.OpenAsync(admin, width: 1280, height: 900);
        await page.Page.WaitForFunctionAsync($"() => ({Headline})('Connections open') === '1'");

        server.Signal(PosixSignal.SIGTERM);

        await Assertions.Expect(page.Page.Locator("#phase")).ToHaveTextAsync("draining");
    }

    [Test]
    public async Task Everything_has_a_name_for_screen_readers()
    {
        await using BrowserPage page = await _browser!.OpenAsync(_idleAdmin, width: 1280, height: 900);
        await Assertions.Expect(page.Page.GetByRole(AriaRole.Status)).ToContainTextAsync("serving; about 0 packets per second");

        IReadOnlyList<ILocator> pictures = await page.Page.GetByRole(AriaRole.Img).AllAsync();
        Assert.That(pictures, Has.Count.EqualTo(8));
        foreach (ILocator picture in pictures)
        {
            Assert.That(await picture.GetAttributeAsync("aria-label"), Does.Match(".+: .*[0-9–n]"), "a title and figures");
        }

        foreach (AriaRole landmark in new[] { AriaRole.Banner, AriaRole.Main, AriaRole.Contentinfo, AriaRole.Navigation })
        {
            Assert.That(await page.Page.GetByRole(landmark).CountAsync(), Is.EqualTo(1), $"{landmark}");
        }

        foreach (string name in new[] { "Connections closed, by reason", "The ten busiest connections", "The ten oldest connections" })
        {
            ILocator table = page.Page.GetByRole(AriaRole.Table, new() { Name = name });
            Assert.That(await table.CountAsync(), Is.EqualTo(1), name);
            Assert.That(await table.Locator("thead th:not([scope=col])").CountAsync(), Is.Zero, name);
        }

        Assert.That(await page.Page.Locator("h1").CountAsync(), Is.EqualTo(1));
        Assert.That(page.Faults, Is.Empty);
    }

    [TestCase(1280, ColorScheme.Light)]
    [TestCase(390, ColorScheme.Dark)]
    public async Task Axe_finds_no_accessibility_violation(int width, ColorScheme colors)
    {
        (ProgramRun run, IPEndPoint endpoint, Uri admin) = await ProgramRun.StartWithAdminAsync();
        using ProgramRun server = run;
        using Peer peer = await Peer.ConnectAsync(endpoint);
        await peer.SendAsync(Article);
        using Peer hostile = await Peer.ConnectAsync(endpoint);
        await hostile.SendAsync("X"u8.ToArray());
        await using BrowserPage page = await _browser!.OpenAsync(admin, width, height: 900, colors);
        await Assertions.Expect(page.Page.Locator("#reasons")).ToContainTextAsync("invalid prefix");
        await Assertions.Expect(page.Page.Locator("#oldest tbody th").First).ToContainTextAsync("127.0.0.1:");

        AxeResult result = await page.Page.RunAxe();

        Assert.That(await page.ExcessWidthAsync(), Is.Zero);
        Assert.That(result.Passes, Is.Not.Empty);
        Assert.That(
            result.Violations.SelectMany(violation =>
                violation.Nodes.Select(node => $"{violation.Id} ({violation.Impact}): {node.Html}")),
            Is.Empty);
    }

    [Test]
    public async Task Missing_samples_are_a_gap_in_the_line()
    {
        await using BrowserPage page = await _browser!.OpenAsync(_idleAdmin, 1280, height: 900, ColorScheme.Light);

        // One second; a night in which the machine slept; one second; one sample missing.
        string[] rates = await page.Page.EvaluateAsync<string[]>(
            """
            async () => {
              const { History } = await import('/page/history.js');
              const sample = (n, time, total) => ({ n, time, seconds: 1, total });
              const history = new History();
              const samples =
                [sample(1, 0, 0), sample(2, 1000, 10), sample(3, 40000000, 30), sample(4, 40001000, 60), sample(6, 40003000, 99)];
              history.take({ run: 1, samples });
              return history.rates(sample => sample.total).map(rate => `${rate}`);
            }
            """);

        Assert.That(rates, Is.EqualTo(new[] { "null", "10", "null", "30", "null" }));
    }

    /// <summary>Runs peers that close, then load until <paramref name="end"/>, or for 35 s.</summary>
    private static async Task<ClientRun> LoadAsync(IPEndPoint endpoint, CancellationToken end)
    {
        await ClientRun.AgainstAsync(endpoint.Port, "--connections 5 --packets 500 --payload-bytes 200", end);
        return await ClientRun.AgainstAsync(endpoint.Port, "--connections 60 --rate 20000 --duration 35s --payload-bytes 20-900", end);
    }

    private static Task<string> FigureAsync(BrowserPage page, string label) => page.Page.EvaluateAsync<string>(Headline, label);

    private static async Task HoverOverNewestAsync(BrowserPage page, string chart)
    {
        ILocator plot = page.Page.Locator($"#{chart} .plot");
        LocatorBoundingBoxResult? box = await plot.BoundingBoxAsync();
        await plot.HoverAsync(new() { Position = new() { X = box!.Width - 14, Y = box.Height / 2 } });
    }

    private static Task<int> DrawnLinesAsync(BrowserPage page, string chart) => page.Page.EvaluateAsync<int>(
        "id => [...document.querySelectorAll(`#${id} .js-line`)].filter(line => line.getAttribute('d')?.includes('L')).length", chart);

    [GeneratedRegex("Not yet forwarded1.6 kB[1-9][0-9]* s behind")]
    private static partial Regex LagInSeconds();

    [GeneratedRegex("^No answer since [0-9]{2}:[0-9]{2}:[0-9]{2}")]
    private static partial Regex SinceWhen();
}
