using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using DotNettyFraming.Tests.Harness;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Programs;

/// <summary>The server's metrics for Prometheus and for an OpenTelemetry collector.</summary>
[CancelAfter(120_000)]
[Category("Slow")]
public sealed partial class MetricsTests
{
    private static readonly HttpClient Http = new() { Timeout = Peer.Patience };

    /// <summary>The metrics and labels that scripts depend on.</summary>
    private static readonly string[] Promised =
    [
        "framing_connections_open", "framing_connections_paused", "framing_connections_accepted_total",
        "framing_connections_closed_total{reason=\"PeerClosed\"}", "framing_connections_closed_total{reason=\"InvalidPrefix\"}",
        "framing_packets_received_total", "framing_packets_processed_total", "framing_packets_dropped_total",
        "framing_bytes_received_total", "framing_bytes_payload_total", "framing_bytes_discarded_total", "framing_unfinished_bytes",
        "framing_read_packets_bucket{le=\"1\"}", "framing_read_packets_sum", "framing_read_packets_count",
        "framing_packet_age_seconds_bucket{le=\"86400\"}", "framing_packet_age_seconds_sum", "framing_packet_age_seconds_count",
        "framing_clock_skew_total", "framing_event_loop_busy_ratio{loop=\"0\"}", "framing_event_loop_busy_ratio{loop=\"accept\"}",
        "framing_event_loop_queue_length{loop=\"0\"}", "framing_accept_errors_total{errno=\"EMFILE\"}",
        // Beyond the promised ones.
        "framing_connections_refused_total{reason=\"TooManyConnections\"}", "framing_connections_limit", "framing_paused_seconds_total",
        "framing_clock_unset_total", "framing_processor_queue_length", "framing_unfinished_allocated_bytes",
        "framing_unfinished_limit_bytes", "framing_uptime_seconds", "dotnet_process_memory_working_set_bytes",
    ];

    [Test]
    [Platform("Linux")]
    public async Task Metrics_have_every_promised_name_and_the_counters_values()
    {
        (ProgramRun run, IPEndPoint endpoint, Uri admin) = await ProgramRun.StartWithAdminAsync("--transport", "epoll");
        using ProgramRun server = run;
        await SendAsync(endpoint);

        Dictionary<string, double> metrics = await ScrapeAsync(admin, "framing_connections_closed_total{reason=\"InvalidPrefix\"}", 1);

        Assert.Multiple(() =>
        {
            Assert.That(Promised.Except(metrics.Keys), Is.Empty);
            Assert.That(metrics["framing_packets_received_total"], Is.EqualTo(12));
            Assert.That(metrics["framing_read_packets_sum"], Is.EqualTo(12));
            Assert.That(metrics["framing_read_packets_count"], Is.EqualTo(3));
            Assert.That(metrics["framing_packet_age_seconds_count"], Is.EqualTo(2));
            Assert.That(metrics["framing_packet_age_seconds_bucket{le=\"86400\"}"], Is.EqualTo(1), "the default packet is from 2019");
            Assert.That(metrics["framing_clock_skew_total"], Is.EqualTo(1));
            Assert.That(
                metrics["framing_bytes_received_total"],
                Is.EqualTo((7 * metrics["framing_packets_received_total"]) + metrics["framing_bytes_payload_total"]
                    + metrics["framing_bytes_discarded_total"] + metrics["framing_unfinished_bytes"]));
        });
    }

    [Test]
    public async Task Packet_of_a_device_without_a_clock_is_counted_but_has_no_age()
    {
        (ProgramRun run, IPEndPoint endpoint, Uri admin) = await ProgramRun.StartWithAdminAsync();
        using ProgramRun server = run;
        uint now = (uint)DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        foreach (uint time in new[] { 0u, 946_684_800u, 1_420_070_399u, now, now + 1000, uint.MaxValue })
        {
            using Peer peer = await Peer.ConnectAsync(endpoint);
            await peer.SendAsync(OfLength(5, time));
            peer.Finish();
            await peer.ClosedByServerAsync();
        }

        Dictionary<string, double> metrics = await ScrapeAsync(admin, "framing_read_packets_count", 6);

        Assert.Multiple(() =>
        {
            Assert.That(metrics["framing_packet_age_seconds_sum"], Is.InRange(0, 60));
            Assert.That(metrics["framing_packet_age_seconds_count"], Is.EqualTo(1));
            Assert.That(metrics["framing_clock_unset_total"], Is.EqualTo(3), "1970, 2000, the last second of 2014");
            Assert.That(metrics["framing_clock_skew_total"], Is.EqualTo(2));
        });
    }

    [Test]
    public async Task Sockets_transport_has_no_loop_or_accept_metrics()
    {
        Dictionary<string, double> metrics = await ServeAsync("--transport", "sockets");

        Assert.That(metrics["framing_packets_received_total"], Is.EqualTo(12));
        Assert.That(metrics.Keys, Has.None.StartsWith("framing_event_loop").And.None.StartsWith("framing_accept_errors"));
    }

    [Test]
    public async Task Layout_without_a_time_has_no_age_metrics()
    {
        Dictionary<string, double> metrics = await ServeAsync("--header", "26 len:u16le skip:4");

        Assert.That(metrics["framing_packets_received_total"], Is.EqualTo(12));
        Assert.That(metrics["framing_read_packets_count"], Is.EqualTo(3));
        Assert.That(metrics.Keys, Has.None.Contains("_age").And.None.StartsWith("framing_clock"));
    }

    [Test]
    public async Task Promtool_finds_no_fault()
    {
        string promtool = InstalledProgram.Find("promtool", "prometheus");
        (ProgramRun run, IPEndPoint endpoint, Uri admin) = await ProgramRun.StartWithAdminAsync();
        using ProgramRun server = run;
        await SendAsync(endpoint);
        string metrics = await Http.GetStringAsync(new Uri(admin, "metrics"));

        ToolRun check = await ToolRun.RunAsync(promtool, ["check", "metrics"], metrics);

        Assert.That(check.Output + check.Errors, Is.Empty);
        Assert.That(check.ExitCode, Is.Zero);
    }

    [Test]
    public async Task Alert_rules_and_dashboard_use_existing_metrics()
    {
        string promtool = InstalledProgram.Find("promtool", "prometheus");
        string folder = Path.Combine(Repository.Root, "Server", "Admin");
        string rules = Path.Combine(folder, "Prometheus", "alerts.yml");

        ToolRun check = await ToolRun.RunAsync(promtool, ["check", "config", Path.Combine(folder, "Prometheus", "prometheus.yml")]);

        Assert.That(check.ExitCode, Is.Zero, check.Errors);
        Assert.That(check.Output, Does.Contain("SUCCESS: 18 rules found"));
        string[] files = [rules, Path.Combine(folder, "Grafana", "dashboard.json")];
        IEnumerable<string> used = files
            .SelectMany(file => MetricName().Matches(File.ReadAllText(file)).Select(match => match.Value))
            .Distinct();
        string[] known = [.. Promised.Select(name => name.Split('{')[0]), "dotnet_gc_last_collection_heap_size_bytes",
            "framing_store_waits", "framing_store_pending_age_seconds", "framing_forward_lag_age_seconds", "framing_forward_connected",
            "framing_forward_failures_total", "framing_forward_redis_used_bytes", "framing_forward_redis_limit_bytes"];
        Assert.That(used.Except(known), Is.Empty);
    }

    [Test]
    public async Task Dashboard_has_a_query_in_each_panel()
    {
        string file = Path.Combine(Repository.Root, "Server", "Admin", "Grafana", "dashboard.json");
        using var dashboard = JsonDocument.Parse(await File.ReadAllTextAsync(file));
        JsonElement[] panels = [.. dashboard.RootElement.GetProperty("panels").EnumerateArray()];

        Assert.That(panels, Is.Not.Empty);
        Assert.That(panels.Select(panel => panel.GetProperty("id").GetInt32()), Is.Unique);
        Assert.That(
            panels.SelectMany(panel => panel.GetProperty("targets").EnumerateArray())
                .Select(target => target.GetProperty("expr").GetString()),
            Has.All.Contains("_"));
    }

    [Test]
    public async Task Prometheus_scrapes_the_server(CancellationToken cancel)
    {
        string prometheus = InstalledProgram.Find("prometheus");
        (ProgramRun run, IPEndPoint endpoint, Uri admin) = await ProgramRun.StartWithAdminAsync();
        using ProgramRun server = run;
        await SendAsync(endpoint);
        string folder = Directory.CreateTempSubdirectory("framing-prometheus-").FullName;
        try
        {
            // The project's configuration with another target and shorter intervals.
            string source = Path.Combine(Repository.Root, "Server", "Admin", "Prometheus");
            File.Copy(Path.Combine(source, "alerts.yml"), Path.Combine(folder, "alerts.yml"));
            string configuration = await File.ReadAllTextAsync(Path.Combine(source, "prometheus.yml"), cancel);
            await File.WriteAllTextAsync(
                Path.Combine(folder, "prometheus.yml"),
                configuration.Replace("127.0.0.1:9998", admin.Authority, StringComparison.Ordinal)
                    .Replace("15s", "1s", StringComparison.Ordinal),
                cancel);
            var own = new Uri($"http://127.0.0.1:{Machine.FreePort()}/");
            using ProgramRun scraper = ProgramRun.StartFile(
                prometheus,
                [
                    $"--config.file={folder}/prometheus.yml", $"--storage.tsdb.path={folder}/data", $"--web.listen-address={own.Authority}",
                ]);

            string query = new Uri(own, "api/v1/query?query=framing_packets_processed_total").AbsoluteUri;
            Eventually.That(() => Ask(query), Does.Contain("\"12\""), scraper.Everything());
            Assert.That(Ask(new Uri(own, "api/v1/query?query=up").AbsoluteUri), Does.Contain("\"job\":\"framing\"").And.Contain("\"1\""));
            Assert.That(
                Ask(new Uri(own, "api/v1/rules").AbsoluteUri),
                Does.Contain("FramingPacketsDropped").And.Not.Contain("\"health\":\"err\""));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Test]
    public async Task OpenTelemetry_collector_receives_metrics()
    {
        using var collector = new TcpListener(IPAddress.Loopback, 0);
        collector.Start();
        using ProgramRun server = ProgramRun.Start(
            "Server",
            ["--port", "0", "--log-directory", "none", "--admin", "127.0.0.1:0"],
            ("OTEL_EXPORTER_OTLP_ENDPOINT", $"http://{collector.LocalEndpoint}"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "200"));
        using var timeout = new CancellationTokenSource(Peer.Patience);
        using Socket export = await collector.AcceptSocketAsync(timeout.Token);
        var received = new StringBuilder();
        byte[] buffer = new byte[64 * 1024];

        while (!received.ToString().Contains("framing.packets.processed", StringComparison.Ordinal))
        {
            int count = await export.ReceiveAsync(buffer, timeout.Token);
            Assert.That(count, Is.Positive, "the export ended without the counter");
            received.Append(Encoding.Latin1.GetString(buffer, 0, count));
        }

        Assert.That(received.ToString(), Does.StartWith("POST /v1/metrics HTTP/1.1").And.Contain("DotNettyFraming.Server"));
    }

    /// <summary>Returns the metrics of a server with these options, to which <see cref="SendAsync"/> has sent.</summary>
    private static async Task<Dictionary<string, double>> ServeAsync(params string[] options)
    {
        (ProgramRun run, IPEndPoint endpoint, Uri admin) = await ProgramRun.StartWithAdminAsync(options);
        using ProgramRun server = run;
        await SendAsync(endpoint);
        return await ScrapeAsync(admin, "framing_connections_closed_total{reason=\"InvalidPrefix\"}", 1);
    }

    /// <summary>Sends three reads: ten packets of 2019, one from the future, one of now followed by a bad prefix.</summary>
    private static async Task SendAsync(IPEndPoint endpoint)
    {
        uint now = (uint)DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        foreach (byte[] bytes in new[] { Repeat(Article, 10), OfLength(5, now + 1000), Glue(OfLength(0, now), "X!"u8.ToArray()) })
        {
            using Peer peer = await Peer.ConnectAsync(endpoint);
            await peer.SendAsync(bytes);
            peer.Finish();
            await peer.ClosedByServerAsync();
        }
    }

    /// <summary>Scrapes until a metric has a value; the exporter caches.</summary>
    private static async Task<Dictionary<string, double>> ScrapeAsync(Uri admin, string metric, double value)
    {
        Dictionary<string, double> metrics = [];
        Eventually.That(() => (metrics = Parse(Ask(new Uri(admin, "metrics").AbsoluteUri))).GetValueOrDefault(metric), Is.EqualTo(value));
        return metrics;
    }

    private static Dictionary<string, double> Parse(string text) => text.Split('\n')
        .Where(line => line.Length > 0 && line[0] != '#')
        .Select(line => line.Split(' '))
        .ToDictionary(parts => parts[0].Replace("{}", "", StringComparison.Ordinal), parts => double.Parse(parts[1]));

    private static string Ask(string url)
    {
        try
        {
            using HttpResponseMessage response = Http.Send(new HttpRequestMessage(HttpMethod.Get, url));
            using var reader = new StreamReader(response.Content.ReadAsStream());
            return reader.ReadToEnd();
        }
        catch (HttpRequestException)
        {
            return ""; // not ready yet
        }
    }

    [GeneratedRegex("(?<![a-z])(framing|dotnet)_[a-z_]+")]
    private static partial Regex MetricName();
}
