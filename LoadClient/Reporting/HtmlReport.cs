using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using DotNettyFraming.LoadClient.Abuse;
using DotNettyFraming.LoadClient.Measuring;
using DotNettyFraming.LoadClient.Options;
using DotNettyFraming.LoadClient.Sending;
using HdrHistogram;

namespace DotNettyFraming.LoadClient.Reporting;

/// <summary>The data of the page that <c>--html</c> writes: the JSON report with texts.</summary>
/// <remarks><c>Words</c> has the ends of connections as text, <c>Percentiles</c> the latencies of the whole run by kind.</remarks>
internal sealed record HtmlReport(
    string Title,
    string Heading,
    string Ended,
    IEnumerable<string> Complaints,
    IReadOnlyDictionary<string, string> Machine,
    string Program,
    IReadOnlyDictionary<string, string> Words,
    IReadOnlyDictionary<string, IEnumerable<PercentilePoint>> Percentiles,
    JsonReport Report)
{
    private const int MaxSamples = 600; // more would be less than a pixel each
    private const int PointsPerNine = 40;

    /// <summary>Returns the page as UTF-8, with plotly.js in it.</summary>
    public static byte[] ToUtf8(RunReport report, string server, DateTimeOffset at)
    {
        HtmlReport data = Of(report, server, at);
        // The JSON writer escapes <, > and &, so that no text ends the script. The data is last, so that no text is a placeholder.
        string page = Resource("report.html")
            .Replace("{PLOTLY}", Resource("plotly.js"), StringComparison.Ordinal)
            .Replace("{SCRIPT}", Resource("report.js"), StringComparison.Ordinal)
            .Replace("{DATA}", JsonSerializer.Serialize(data, JsonReportContext.Default.HtmlReport), StringComparison.Ordinal);
        return Encoding.UTF8.GetBytes(page);
    }

    private static HtmlReport Of(RunReport report, string server, DateTimeOffset at)
    {
        LoadOptions options = report.Options;
        IEnumerable<string> complaints = Summary.Complaints(report, server);
        return new HtmlReport(
            $"Load run against {server}",
            Summary.Heading(options, report.Allowed, server),
            $"Ended {at.ToString("yyyy-MM-dd HH:mm:ss zzz", CultureInfo.InvariantCulture)}",
            report.Interrupted ? complaints.Prepend("a signal ended the run early") : complaints,
            new Dictionary<string, string>
            {
                ["machine"] = $"{Summary.Count(Environment.ProcessorCount, "processor")}, {RuntimeInformation.OSArchitecture}",
                ["system"] = $"{RuntimeInformation.OSDescription} (kernel {Environment.OSVersion.Version})",
                ["runtime"] = RuntimeInformation.FrameworkDescription,
                ["transport"] = $"{options.Transport.ToString().ToLowerInvariant()}, {Summary.Count(options.EventLoops, "event loop")}",
            },
            $"{LoadClient.Program.Name} {Version()}",
            Enum.GetValues<ConnectionEnd>().ToDictionary(end => end.ToString(), Summary.Words)
                .UnionBy(
                    Enum.GetValues<HostileEnd>().Select(end => KeyValuePair.Create(end.ToString(), report.Abuse?.Attack.Words(end) ?? "")),
                    word => word.Key)
                .ToDictionary(),
            report.Latencies.OrderDescending(Comparer<KeyValuePair<LatencyKind, LongHistogram>>.Create((a, b) => a.Key.CompareTo(b.Key)))
                .Where(kind => kind.Value.TotalCount > 0)
                .ToDictionary(kind => JsonNamingPolicy.CamelCase.ConvertName(kind.Key.ToString()), kind => PercentilesOf(kind.Value)),
            JsonReport.Of(report with { Series = RunSeries.Merge(report.Series, MaxSamples) }));
    }

    /// <summary>Returns the latencies from percentile 0 to the last meaningful one, the same number of points per nine.</summary>
    private static IEnumerable<PercentilePoint> PercentilesOf(LongHistogram values)
    {
        double end = Math.Log10(values.TotalCount);
        return Enumerable.Range(0, (int)(end * PointsPerNine) + 1)
            .Select(i => i / (double)PointsPerNine)
            .Select(nines => new PercentilePoint(nines, values.GetValueAtPercentile(100 * (1 - Math.Pow(10, -nines)))))
            .Append(new PercentilePoint(end, values.GetMaxValue()))
            .DistinctBy(point => point.Nines);
    }

    private static string? Version() =>
        typeof(HtmlReport).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion;

    private static string Resource(string name)
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(name)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}

/// <summary>A percentile as its number of nines: 2 is the 99th.</summary>
internal readonly record struct PercentilePoint(double Nines, long Microseconds);
