using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using DotNettyFraming.LoadClient.Reporting;

namespace DotNettyFraming.Tests.LoadClient.Reporting;

/// <summary>The HTML file: its data, and that it is self-contained.</summary>
public sealed partial class HtmlReportTests
{
    [Test]
    public void Data_is_the_JSON_report_and_the_texts_next_to_it()
    {
        JsonElement data = Data(SampleReport.New());

        Assert.That(data.GetProperty("title").GetString(), Is.EqualTo("Load run against 127.0.0.1:9999"));
        Assert.That(
            data.GetProperty("heading").GetString(),
            Is.EqualTo("10 connections to 127.0.0.1:9999: packets of 32 bytes, 1 per write, for 10s (seed 0)"));
        Assert.That(data.GetProperty("ended").GetString(), Is.EqualTo("Ended 2026-01-02 03:04:05 +00:00"));
        Assert.That(
            data.GetProperty("complaints")[0].GetString(), Is.EqualTo("1 of 10 connections could not be made: 1 ConnectionRefused"));
        Assert.That(data.GetProperty("report").GetProperty("packets").GetProperty("sent").GetInt64(), Is.EqualTo(1000));
        Assert.That(data.GetProperty("report").GetProperty("series").GetArrayLength(), Is.EqualTo(2));
        JsonElement write = data.GetProperty("percentiles").GetProperty("write");
        Assert.That(write[0].GetProperty("microseconds").GetInt64(), Is.EqualTo(5), "percentile 0");
        Assert.That(write[write.GetArrayLength() - 1].GetProperty("microseconds").GetInt64(), Is.EqualTo(800));
        Assert.That(
            Data(SampleReport.New() with { Interrupted = true }).GetProperty("complaints")[0].GetString(),
            Is.EqualTo("a signal ended the run early"));
    }

    [Test]
    public void Page_needs_nothing_but_itself()
    {
        string html = Html(SampleReport.New());

        Assert.That(html, Does.StartWith("<!DOCTYPE html>\n<html lang=\"en\">"));
        Assert.That(html, Does.Contain("content=\"default-src 'none'; "), "the browser is forbidden to fetch anything");
        Assert.That(html, Does.Not.Match(@"<(link|img|iframe|object|embed)\b").And.Not.Match(@"<script[^>]*\bsrc="));
        Assert.That(html, Does.Not.Match(@"\{(DATA|SCRIPT|PLOTLY)\}"));
        Assert.That(html, Does.Match(@"plotly\.js [^\n]*v3\.7\.0"));
        Assert.That(Regex.Count(html, "</script>"), Is.EqualTo(3));
    }

    [Test]
    public void Text_from_outside_cannot_end_the_script_it_is_in()
    {
        const string Hostile = "</script><script>alert(1)</script>{SCRIPT}{PLOTLY}\u0001\u202E\uFFFE\uD800 é 😀";
        RunReport report = SampleReport.New() with { Failures = [new(Hostile, 1)] };

        string html = Html(report);

        Assert.That(html, Does.Not.Contain("alert(1)</script>"));
        Assert.That(Regex.Count(html, "</script>"), Is.EqualTo(3));
        Assert.That(
            Data(report).GetProperty("report").GetProperty("connections").GetProperty("failures").EnumerateObject().Single().Name,
            Is.EqualTo(Hostile.Replace('\uD800', '\uFFFD')));
    }

    [Test]
    public void Page_of_a_day_is_bounded()
    {
        RunReport day = SampleRun.Of(seconds: 86_400);

        Assert.That(Html(day), Has.Length.LessThan(1_000_000 + PlotlyCharacters));
        Assert.That(Data(day).GetProperty("report").GetProperty("series").GetArrayLength(), Is.EqualTo(600));
    }

    private const int PlotlyCharacters = 1_120_000;

    internal static string Html(RunReport report) => Encoding.UTF8.GetString(
        HtmlReport.ToUtf8(report, "127.0.0.1:9999", new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero)));

    private static JsonElement Data(RunReport report) => JsonDocument.Parse(DataElement().Match(Html(report)).Groups[1].Value).RootElement;

    [GeneratedRegex("<script type=\"application/json\" id=\"data\">(.*?)</script>", RegexOptions.Singleline)]
    private static partial Regex DataElement();
}
