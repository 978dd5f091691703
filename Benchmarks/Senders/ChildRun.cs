using System.ComponentModel;
using System.Diagnostics;
using DotNettyFraming.Benchmarks.Interop;
using DotNettyFraming.Hosting;

namespace DotNettyFraming.Benchmarks.Senders;

/// <summary>A finished run of a program, with its output and its highest resident memory.</summary>
internal sealed record ChildRun(int ExitCode, string Output, string Errors, long PeakResidentBytes)
{
    private static readonly TimeSpan CheckInterval = TimeSpan.FromMilliseconds(20);

    /// <summary>Runs a program; kills it after <paramref name="patience"/>.</summary>
    /// <exception cref="StartupException">It cannot be started or did not end in time.</exception>
    public static async Task<ChildRun> RunAsync(string program, IReadOnlyList<string> arguments, TimeSpan patience)
    {
        using var process = new Process
        {
            StartInfo = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true },
        };
        try
        {
            process.Start();
        }
        catch (Win32Exception e)
        {
            throw new StartupException($"{program} cannot be started: {e.Message}", e);
        }

        using var timeout = new CancellationTokenSource(patience);
        try
        {
            Task<string> output = process.StandardOutput.ReadToEndAsync(timeout.Token);
            Task<string> errors = process.StandardError.ReadToEndAsync(timeout.Token);
            long peak = await WatchAsync(process, timeout.Token);
            return new ChildRun(process.ExitCode, await output, await errors, peak);
        }
        catch (OperationCanceledException)
        {
            throw new StartupException($"{program} did not end within {patience.TotalSeconds} s");
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill();
            }
        }
    }

    private static async Task<long> WatchAsync(Process process, CancellationToken stop)
    {
        var accounts = new ProcessAccounts(process.Id);
        Task exit = process.WaitForExitAsync(stop);
        long peak = 0;
        while (!exit.IsCompleted)
        {
            peak = accounts.PeakResidentBytes ?? peak;
            await Task.WhenAny(exit, Task.Delay(CheckInterval, stop));
        }

        await exit;
        return peak;
    }
}
