using System.Net;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.LoadClient;
using DotNettyFraming.LoadClient.Connecting;
using DotNettyFraming.LoadClient.Options;
using DotNettyFraming.LoadClient.Reporting;
using DotNettyFraming.LoadClient.Sending;
using Microsoft.Extensions.Logging.Abstractions;
using Spectre.Console;

namespace DotNettyFraming.Tests.LoadClient.Reporting;

/// <summary>The console output during a run.</summary>
public sealed class ProgressTests
{
    [Test]
    public void Sparkline_has_a_bar_for_each_value_the_greatest_full()
    {
        Assert.That(Sparkline.Of([0, 50, 100, 25]), Is.EqualTo("▁▅█▃"));
        Assert.That(Sparkline.Of([0, 0]), Is.EqualTo("▁▁"));
        Assert.That(Sparkline.Of([]), Is.Empty);
    }

    [Test]
    public void Line_shows_rate_connections_and_latency()
    {
        (LoadRun run, _) = NewRun();

        Assert.That(
            DotNettyFraming.LoadClient.Reporting.Progress.Line(run, SampleReport.New().Series[1]),
            Is.EqualTo("   2 s  3 open, 0 failed, 0 closed by the server  600 packets/s  0.0 MB/s  write p99 800 us"));
    }

    [Test]
    public void Panel_has_a_row_for_each_figure_and_the_last_minutes_rate_as_a_sparkline()
    {
        (LoadRun run, LoadOptions options) = NewRun();
        var panel = new ProgressPanel(run, options);
        panel.Picture(SampleReport.New().Series[0]);
        var text = new StringWriter();
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, Out = new AnsiConsoleOutput(text) });
        console.Profile.Width = 120;

        console.Write(panel.Picture(SampleReport.New().Series[1]));

        string picture = text.ToString();
        Assert.That(
            picture,
            Does.Contain("127.0.0.1:9999").And.Contain("600 packets/s").And.Contain("3 open of 10").And.Contain("p99 800 us"));
        Assert.That(picture, Does.Contain("▆█"), "400 and then 600 packets per second");
    }

    private static (LoadRun Run, LoadOptions Options) NewRun()
    {
        var options = new LoadOptions { Connections = 10, Transport = TransportChoice.Sockets };
        var target = new IPEndPoint(IPAddress.Loopback, 9999);
        LoadTransport transport = LoadTransport.Of(options.Transport, eventLoops: 1);
        transport.Group.ShutdownGracefullyAsync(TimeSpan.Zero, TimeSpan.Zero);
        var tape = new PacketTape(options.Payload, options.PacketsPerWrite, options.Seed);
        return (new LoadRun(options, 10, tape, [target], transport, tls: null, TimeProvider.System, NullLogger.Instance), options);
    }
}
