using System.Globalization;
using DotNettyFraming.LoadClient.Measuring;
using DotNettyFraming.LoadClient.Options;
using Spectre.Console;

namespace DotNettyFraming.LoadClient.Reporting;

/// <summary>Shows once a second how the run is going: in place on a terminal, as plain lines elsewhere.</summary>
internal sealed class Progress : IAsyncDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly LoadRun _run;
    private readonly TimeProvider _clock;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _showing;
    private readonly long _began;
    private LoadTotals? _before;
    private long _beforeAt;

    private Progress(LoadRun run, LoadOptions options, StandardStreams streams, TimeProvider clock)
    {
        _run = run;
        _clock = clock;
        _began = _beforeAt = clock.GetTimestamp();
        _showing = streams.OutputIsTerminal ? ShowInPlaceAsync(AnsiConsole.Console, options) : ShowLinesAsync(streams.Output);
    }

    /// <summary>Begins to show a run; disposing ends it.</summary>
    public static Progress Start(LoadRun run, LoadOptions options, StandardStreams streams, TimeProvider clock) =>
        new(run, options, streams, clock);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _showing;
        _stop.Dispose();
    }

    private async Task ShowLinesAsync(TextWriter output)
    {
        while (await WaitAsync(Interval))
        {
            await output.WriteLineAsync(Line());
        }
    }

    private async Task ShowInPlaceAsync(IAnsiConsole console, LoadOptions options)
    {
        await console.Status().Spinner(Spinner.Known.Dots).StartAsync("connecting", async status =>
        {
            while (await WaitAsync(Interval))
            {
                string of = options.Duration is { } duration ? $" of {duration.TotalSeconds:F0} s" : "";
                status.Status(Markup.Escape($"{_run.Phase}{of}: {Line()}"));
            }
        });
    }

    private async Task<bool> WaitAsync(TimeSpan interval)
    {
        try
        {
            await Task.Delay(interval, _clock, _stop.Token);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private string Line()
    {
        LoadTotals now = _run.Totals();
        long at = _clock.GetTimestamp();
        double seconds = Math.Max(_clock.GetElapsedTime(_beforeAt, at).TotalSeconds, 0.001);
        double packetsPerSecond = (now.PacketsSent - (_before?.PacketsSent ?? 0)) / seconds;
        double bytesPerSecond = (now.BytesSent - (_before?.BytesSent ?? 0)) / seconds;
        string line = string.Create(
            CultureInfo.InvariantCulture,
            $"{_clock.GetElapsedTime(_began, at).TotalSeconds,4:F0} s  {now.Open} open, {_run.Failed} failed, "
            + $"{now.EndedByServer} closed by the server  {packetsPerSecond:F0} packets/s  {bytesPerSecond / 1e6:F1} MB/s");
        _before = now;
        _beforeAt = at;
        return line;
    }
}
