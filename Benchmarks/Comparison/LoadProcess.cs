using System.Diagnostics;
using System.Text.Json;
using DotNettyFraming.Benchmarks.Load;
using DotNettyFraming.Hosting;

namespace DotNettyFraming.Benchmarks.Comparison;

/// <summary>The load generator's process, which executes orders.</summary>
internal sealed class LoadProcess : IDisposable
{
    /// <summary>The time that an order may need besides measuring: connecting, settling, closing, a memory round.</summary>
    private static readonly TimeSpan Overhead = TimeSpan.FromMinutes(2);

    private readonly Process _process = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, [LoadProgram.Mode])
    {
        RedirectStandardInput = true,
        RedirectStandardOutput = true,
    })!;

    /// <summary>Executes an order and adds the packets sent to the server's account.</summary>
    /// <exception cref="StartupException">The server could not be measured.</exception>
    public async Task<T> CarryOutAsync<T>(ServerProcess server, LoadOrder order)
        where T : LoadReading
    {
        await _process.StandardInput.WriteLineAsync(JsonSerializer.Serialize(order));
        await _process.StandardInput.FlushAsync();
        LoadReading? reading = await ReadAsync(PatienceFor(order));
        server.PacketsSent += reading?.Packets ?? 0;
        return reading as T ?? throw new StartupException(
            $"{server.Contestant.Name} could not be measured: {(reading as FailedReading)?.Reason ?? "the load generator ended"}");
    }

    /// <summary>Returns the time-out of an order's answer.</summary>
    internal static TimeSpan PatienceFor(LoadOrder order) => Overhead + TimeSpan.FromSeconds(order switch
    {
        SendOrder send => send.Seconds,
        ConnectOrder connect => connect.Seconds,
        MemoryOrder memory => 2 * memory.RestSeconds,
        _ => 0,
    });

    private async Task<LoadReading?> ReadAsync(TimeSpan patience)
    {
        using var timeout = new CancellationTokenSource(patience);
        try
        {
            return await _process.StandardOutput.ReadLineAsync(timeout.Token) is { } line
                ? JsonSerializer.Deserialize<LoadReading>(line)
                : null;
        }
        catch (OperationCanceledException)
        {
            return new FailedReading($"no answer from the load generator within {patience.TotalSeconds} s");
        }
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        _process.Dispose();
    }
}
