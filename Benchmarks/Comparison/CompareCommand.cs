using DotNettyFraming.Benchmarks.Report;
using DotNettyFraming.Hosting;
using DotNettyFraming.Hosting.Options;

namespace DotNettyFraming.Benchmarks.Comparison;

/// <summary>The mode <c>compare</c>: from options to tables, a document and a plot.</summary>
internal static class CompareCommand
{
    /// <summary>The mode's name.</summary>
    public const string Mode = "compare";

    /// <summary>The exit code if a server's count differs from the packets sent, as in the load client.</summary>
    public const int VerificationFailed = 3;

    /// <summary>Runs a comparison and returns the exit code.</summary>
    public static async Task<int> RunAsync(string[] arguments)
    {
        ParsedOptions<CompareOptions> parsed = CompareOptions.Declare().Parse(arguments);
        CompareOptions options = parsed.Options;
        if (parsed.Conclude(Console.Out, Console.Error) is int exitCode)
        {
            return exitCode;
        }

        try
        {
            WarnOfDebugBuild();
            IReadOnlyList<Contestant> contestants = await Contestants.PrepareAsync(
                Contestants.All.Where(contestant => options.Only.Contains(contestant.Name)), Console.Out.WriteLine);
            ComparisonResult result = await new ComparisonRun(options.Plan, contestants, Console.Out.WriteLine).RunAsync();
            IReadOnlyList<ReportTable> tables = ResultTables.From(result);
            if (options.Plan.Acknowledging && options.Only.Contains("ours"))
            {
                tables = [.. tables, await new AcknowledgementRun(options.Plan, Console.Out.WriteLine).RunAsync()];
            }

            TablePrinter.Print(tables);
            if (options.Output is { } folder)
            {
                ResultsDocument.Write(folder, arguments, result, tables);
            }

            return result.Checks.All(check => check.IsExact) ? ExitCode.Success : VerificationFailed;
        }
        catch (Exception e) when (e is StartupException or IOException or UnauthorizedAccessException)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return ExitCode.CannotRun;
        }
        finally
        {
            Contestants.CleanUp();
        }
    }

    /// <summary>Prints a warning in a Debug build.</summary>
    public static void WarnOfDebugBuild()
    {
#if DEBUG
        Console.WriteLine("this is a Debug build: figures mean nothing (dotnet run -c Release --project Benchmarks)");
#endif
    }
}
