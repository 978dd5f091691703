using DotNettyFraming.Hosting;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.Server.Startup;

namespace DotNettyFraming.Server;

/// <summary>The entry point: options, the run, and one line and an exit code if the start fails.</summary>
internal static class Program
{
    private static async Task<int> Main(string[] args)
    {
        using var signals = new StopSignals();
        ForgivingConsole.Install();
        NativeHeap.ReturnLargeAtOnce();
        ParsedOptions<ServerOptions> parsed = ServerCommandLine.Declare().Parse(args);
        ServerCommandLine.AddConflicts(parsed);
        if (parsed.Conclude(Console.Out, Console.Error) is int exitCode)
        {
            return exitCode;
        }

        try
        {
            return await ServerRun.RunAsync(parsed, signals.Requested).ConfigureAwait(false);
        }
        catch (StartupException e)
        {
            await Console.Error.WriteLineAsync(e.Message).ConfigureAwait(false);
            return ExitCode.CannotRun;
        }
    }
}
