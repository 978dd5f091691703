using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using DotNettyFraming.LoadClient.Measuring;
using DotNettyFraming.LoadClient.Reporting;
using HdrHistogram;

namespace DotNettyFraming.Tests.LoadClient.Reporting;

public sealed partial class HtmlReportTests
{
    private const int MostCharacters = 1_000_000;
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    /// <summary>Runs of every kind, and how many plots there is something for.</summary>
    private static readonly Dictionary<string, (RunReport Report, int Plots)> Runs = MakeRuns();

    private static IEnumerable<string> RunNames => Runs.Keys;

    [TestCaseSource(nameof(RunNames))]
    public void Page_of_any_run_is_whole(string run)
    {
        (RunReport report, int plots) = Runs[run];
        XElement page = Page(report);

        XElement[] drawn = [.. page.Descendants("svg")];
        Assert.That(drawn, Has.Length.EqualTo(plots));
        Assert.That(page.Descendants("details").Count(), Is.EqualTo(plots), "each with its table");
        foreach (XElement plot in drawn)
        {
            Assert.That(plot.Attribute("role")?.Value, Is.EqualTo("img"));
            Assert.That(plot.Attribute("aria-label")?.Value, Does.Match("[0-9]"), "the main figures, for who cannot see it");
            Assert.That(plot.Attribute("viewBox"), Is.Not.Null, "scales with the page");
            Assert.That(plot.Descendants("text").Count(word => word.Value.Length > 0), Is.GreaterThan(4));
            Assert.That(plot.ToString(), Does.Not.Contain("NaN").And.Not.Contain("∞").And.Not.Contain("Infinity"));
        }

        foreach (XElement row in page.Descendants("tr"))
        {
            Assert.That(row.Elements().Count(), Is.EqualTo(row.Ancestors("table").Single().Descendants("tr").First().Elements().Count()));
        }
    }

    [TestCaseSource(nameof(RunNames))]
    public void Page_needs_nothing_but_itself(string run)
    {
        (RunReport report, int plots) = Runs[run];
        XElement page = Page(report);

        IEnumerable<string> elements = page.Descendants().Select(element => element.Name.LocalName);
        IEnumerable<string> attributes = page.Descendants().Attributes().Select(attribute => attribute.Name.LocalName);
        Assert.That(elements, Has.None.AnyOf("script", "link", "img", "iframe", "object", "use"));
        Assert.That(attributes, Has.None.AnyOf("src", "href", "data", "action"));
        Assert.That(page.ToString(), Does.Not.Contain("://").And.Not.Contain("@import"));
        string[] names = [.. page.Descendants().Attributes("id").Select(attribute => attribute.Value)];
        string[] used = [.. Reference().Matches(page.ToString()).Select(match => match.Groups[1].Value)];
        Assert.That(used, Has.Length.AtLeast(plots));
        Assert.That(names, Is.Unique, "a second one of a name would be ignored");
        Assert.That(used, Is.EquivalentTo(names), "each clipping path is that of its own plot");
        Assert.That(Regex.Count(page.ToString(), @"url\("), Is.EqualTo(used.Length));
        Assert.That(page.Descendants("meta").Select(meta => (string?)meta.Attribute("content")), Has.Some.StartsWith("default-src 'none'"));
    }

    [Test]
    public void Text_from_outside_is_escaped()
    {
        const string Hostile = "</td><script>alert(\"1\" & '2')</script>";
        RunReport report = SampleReport.New() with { Failures = [new($"{Hostile}\u0001\u202E\uFFFE\uD800 é 😀", 1)] };

        string html = Html(report);

        Assert.That(html, Does.Contain("&lt;/td&gt;&lt;script&gt;alert(\"1\" &amp; '2')&lt;/script&gt;\\u0001\\u202E\uFFFD\uFFFD é 😀"));
        Assert.That(html, Does.Not.Contain("<script"));
    }

    [Test]
    public void Empty_elements_have_an_end_tag()
    {
        string html = Html(SampleReport.New());

        Assert.That(html, Does.StartWith("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\""));
        Assert.That(html, Does.Not.Match(@"<(th|td|p|div|span|li)\b[^>]*/>"), "HTML takes it for a begin tag");
        Assert.That(html, Does.Contain("<th scope=\"col\"></th>"), "there is one that could go wrong");
    }

    [Test]
    public void Figures_of_the_run_are_told()
    {
        IEnumerable<XElement> leaves = Page(SampleReport.New()).Descendants().Where(element => !element.HasElements);
        string text = string.Join('|', leaves.Select(leaf => leaf.Value));

        Assert.That(text, Does.Contain("10 connections to 127.0.0.1:9999: packets of 32 bytes, 1 a write, for 10s (seed 0)"));
        Assert.That(text, Does.Contain("Ended 2026-01-02 03:04:05 +00:00"));
        Assert.That(text, Does.Contain("1 of 10 connections could not be made: 1 ConnectionRefused"));
        Assert.That(text, Does.Contain("Sent in 2.00 s"));
        Assert.That(text, Does.Contain("packets|1,000|500|bytes|32,000|16,000"));
        Assert.That(text, Does.Contain("write|4|6 µs|800 µs|800 µs|800 µs|800 µs"));
        Assert.That(text, Does.Contain("asked for|10|made in 1.00 s|8|failed: ConnectionRefused|1|not attempted|1|"));
        Assert.That(text, Does.Contain("ended: by us when done|3|ended: closed by the server|4|ended: reset by the server|1|"));
        Assert.That(text, Does.Contain("until, s|Packets a second|1|400|2|600"));
        Assert.That(Page(SampleReport.New() with { Interrupted = true }).Value, Does.Contain("a signal ended the run early"));
    }

    [TestCase(0, false)]
    [TestCase(3, true)]
    public void Late_packets_have_a_plot_where_there_are_any(long late, bool drawn)
    {
        RunReport report = SampleReport.New();

        XElement page = Page(report with { Series = [report.Series[0] with { Late = late }, report.Series[1]] });

        Assert.That(page.Descendants("h2").Any(title => title.Value == "Late packets a second"), Is.EqualTo(drawn));
    }

    [Test]
    public void Second_without_a_latency_is_a_gap()
    {
        RunReport report = SampleRun.Of(seconds: 5);
        string whole = WriteLatency(report);
        SecondSample[] series = [.. report.Series];
        series[2] = series[2] with { Write = default };
        string gap = WriteLatency(report with { Series = series });

        Assert.That(Regex.Count(whole, "stroke=\"#0072B2\"[^>]* d=\"M[^M\"]*\""), Is.EqualTo(1));
        Assert.That(Regex.Count(gap, "stroke=\"#0072B2\"[^>]* d=\"M[^M\"]*\""), Is.EqualTo(2));

        static string WriteLatency(RunReport report) => Page(report).Descendants("figure")
            .Single(figure => figure.Descendants("h2").Single().Value == "Write latency").Element("svg")!.ToString();
    }

    [Test]
    public void Page_of_a_day_is_bounded()
    {
        RunReport day = SampleRun.Of(seconds: 86_400);

        string html = Html(day);

        Assert.That(html, Has.Length.LessThan(MostCharacters));
        XElement page = XDocument.Parse(html).Root!;
        Assert.That(page.Descendants("tbody").Max(table => table.Elements().Count()), Is.EqualTo(600));
        Assert.That(page.Descendants("path").Max(path => path.Attribute("d")!.Value.Count(c => c == 'L')), Is.LessThan(1_000));
        Assert.That(page.Value, Does.Contain("have a point for each 87 s and their tables a row for each 144 s"));
    }

    private static Dictionary<string, (RunReport Report, int Plots)> MakeRuns()
    {
        RunReport sample = SampleReport.New();
        LongHistogram none = LatencyHistogram.New();
        LongHistogram zeros = SampleReport.HistogramOf(0, 0, 0);
        return new()
        {
            ["two seconds"] = (sample, 4),
            ["no sample"] = (sample with { Series = [] }, 1),
            ["one sample"] = (sample with { Series = [sample.Series[0]] }, 1),
            ["nothing sent"] = (sample with { Series = [Idle(1), Idle(2)], Latencies = Latencies(none, none) }, 3),
            ["no latency above 0"] = (sample with { Series = [Fast(1), Fast(2)], Latencies = Latencies(zeros, zeros) }, 6),
            ["one value"] = (sample with { Latencies = Latencies(SampleReport.HistogramOf(7), none) }, 4),
            ["interrupted"] = (sample with { Interrupted = true, RanOutOfConnections = true }, 4),
            ["no connection"] = (sample with { Totals = new LoadTotals(0, 0, 0, 0, new long[6]), Series = [] }, 1),
            ["a minute"] = (SampleRun.Of(seconds: 60), 6),
            ["a short last interval"] = (sample with { Series = [.. sample.Series, Idle(2) with { Length = Second / 1000 }] }, 4),
        };
    }

    private static XElement Page(RunReport report) => XDocument.Parse(Html(report)).Root!;

    private static string Html(RunReport report) => Encoding.UTF8.GetString(
        HtmlReport.ToUtf8(report, "127.0.0.1:9999", new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero)));

    private static SecondSample Idle(int second) => new(second * Second, Second, 0, 0, 1, 0, default, default);

    private static SecondSample Fast(int second) =>
        new(second * Second, Second, 10, 320, 1, 0, new Latency(1, 0, 0, 0, 0, 0), new Latency(10, 0, 0, 0, 0, 0));

    private static Dictionary<LatencyKind, LongHistogram> Latencies(LongHistogram connect, LongHistogram write) =>
        new() { [LatencyKind.Connect] = connect, [LatencyKind.Write] = write };

    [GeneratedRegex(@"url\(#([^)]+)\)")]
    private static partial Regex Reference();
}
