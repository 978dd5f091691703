using System.ComponentModel;
using System.Diagnostics;
using DotNettyFraming.Benchmarks.Interop;
using DotNettyFraming.Hosting;

namespace DotNettyFraming.Benchmarks.Senders;

/// <summary>A program that was run to its end.</summary>
/// <param name="ExitCode">Its exit code.</param>
/// <param name="Output">All that it wrote to standard output.</param>
/// <param name="Errors">All that it wrote to standard error.</param>
/// <param name="PeakResidentBytes">The most resident memory that it had, looked at until shortly before its end.</param>
internal sealed record ChildRun(int ExitCode, string Output, string Errors, long PeakResidentBytes)
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(20);

    /// <summary>Runs a program.</summary>
    /// <param name="program">The executable.</param>
    /// <param name="arguments">Its command line.</param>
    /// <param name="patience">When it is killed.</param>
    /// <exception cref="StartupException">It cannot be started, or did not end.</exception>
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
            await Task.WhenAny(exit, Task.Delay(Look, stop));
        }

        await exit;
        return peak;
    }
}
