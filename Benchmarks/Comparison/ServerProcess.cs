using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using DotNettyFraming.Benchmarks.Interop;
using DotNettyFraming.Hosting;

namespace DotNettyFraming.Benchmarks.Comparison;

/// <summary>A contestant's process; killed when disposed before it has stopped.</summary>
/// <remarks>Its output is read continuously: a server that logs would block on a full pipe.</remarks>
internal sealed partial class ServerProcess : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly Process _process;
    private readonly TaskCompletionSource<string?> _endpoint = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<string?> _processed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private ServerProcess(Contestant contestant)
    {
        Contestant = contestant;
        _process = new Process
        {
            StartInfo = new ProcessStartInfo(contestant.FileName, contestant.Arguments) { RedirectStandardOutput = true },
        };
        _process.OutputDataReceived += (_, line) => Read(line.Data);
    }

    /// <summary>The contestant.</summary>
    public Contestant Contestant { get; }

    /// <summary>The process id.</summary>
    public int ProcessId => _process.Id;

    /// <summary>The port on the loopback.</summary>
    public int Port { get; private set; }

    /// <summary>The packets sent to it so far; its senders update it.</summary>
    public long PacketsSent { get; set; }

    /// <summary>Starts a contestant and waits until it listens.</summary>
    /// <exception cref="StartupException">It does not listen in time.</exception>
    public static async Task<ServerProcess> StartAsync(Contestant contestant)
    {
        var server = new ServerProcess(contestant);
        try
        {
            server._process.Start();
        }
        catch (Win32Exception e)
        {
            throw new StartupException($"{contestant.Name} ({contestant.FileName}) cannot be started: {e.Message}", e);
        }

        try
        {
            server._process.BeginOutputReadLine();
            server.Port = IPEndPoint.Parse(await server.ReportedAsync(server._endpoint, "its address")).Port;
            return server;
        }
        catch
        {
            server.Dispose();
            throw;
        }
    }

    /// <summary>Stops the process, waits for its end, and returns the packets that it counted.</summary>
    /// <exception cref="StartupException">It does not report them or does not end in time.</exception>
    public async Task<long> StopAsync()
    {
        _ = Libc.Kill(ProcessId, Libc.SigTerm);
        string processed = await ReportedAsync(_processed, "its packets");
        using var timeout = new CancellationTokenSource(Patience);
        try
        {
            await _process.WaitForExitAsync(timeout.Token);
        }
        catch (OperationCanceledException)
        {
            throw new StartupException($"{Contestant.Name} ({Contestant.FileName}) did not end within {Patience.TotalSeconds} s");
        }

        return long.Parse(processed, CultureInfo.InvariantCulture);
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        _process.Dispose();
    }

    [GeneratedRegex("listening on (?<value>.+)$")]
    private static partial Regex ListeningOn();

    [GeneratedRegex("packets\\.processed=(?<value>[0-9]+)")]
    private static partial Regex PacketsProcessed();

    private void Read(string? line)
    {
        if (line is null)
        {
            _endpoint.TrySetResult(null);
            _processed.TrySetResult(null);
        }
        else if (ListeningOn().Match(line) is { Success: true } listening)
        {
            _endpoint.TrySetResult(listening.Groups["value"].Value);
        }
        else if (PacketsProcessed().Match(line) is { Success: true } processed)
        {
            _processed.TrySetResult(processed.Groups["value"].Value);
        }
    }

    private async Task<string> ReportedAsync(TaskCompletionSource<string?> line, string description)
    {
        await Task.WhenAny(line.Task, Task.Delay(Patience));
        return (line.Task.IsCompletedSuccessfully ? line.Task.Result : null)
            ?? throw new StartupException($"{Contestant.Name} ({Contestant.FileName}) did not report {description}");
    }
}
