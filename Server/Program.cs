using DotNettyFraming.Hosting;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.Server.Startup;

namespace DotNettyFraming.Server;

/// <summary>From the command line to a running server, and from a failed start to one line and an exit code.</summary>
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
