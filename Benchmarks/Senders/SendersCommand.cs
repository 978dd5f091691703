using DotNettyFraming.Benchmarks.Comparison;
using DotNettyFraming.Benchmarks.Report;
using DotNettyFraming.Hosting;
using DotNettyFraming.Hosting.Options;

namespace DotNettyFraming.Benchmarks.Senders;

/// <summary>The mode <c>senders</c>: from options to tables.</summary>
internal static class SendersCommand
{
    /// <summary>The mode's name.</summary>
    public const string Mode = "senders";

    /// <summary>Runs a comparison of senders and returns the exit code.</summary>
    public static async Task<int> RunAsync(string[] arguments)
    {
        ParsedOptions<SendersOptions> parsed = SendersOptions.Declare().Parse(arguments);
        if (parsed.Conclude(Console.Out, Console.Error) is int exitCode)
        {
            return exitCode;
        }

        try
        {
            CompareCommand.WarnOfDebugBuild();
            SendersResult result = await new SendersRun(
                parsed.Options.Plan,
                Contestants.Floor,
                new FloorSenderProcess(Environment.ProcessPath!),
                new LoadClientProcess(BuiltPrograms.LoadClient),
                Console.Out.WriteLine).RunAsync();
            TablePrinter.Print(SendersTables.From(result));
            return result.Check.IsExact ? ExitCode.Success : CompareCommand.VerificationFailed;
        }
        catch (Exception e) when (e is StartupException or IOException or UnauthorizedAccessException)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return ExitCode.CannotRun;
        }
    }
}
