using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Exporters;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using DotNetty.Common;
using DotNettyFraming.Hosting;
using DotNettyFraming.Hosting.Options;

namespace DotNettyFraming.Benchmarks.Micro;

/// <summary>The mode <c>micro</c>: BenchmarkDotNet for decoder, encoder and event-loop wake-up.</summary>
/// <remarks>
/// The benchmarks run in this process: it has the server's settings and needs no network. BenchmarkDotNet's default generates,
/// restores and builds a project per benchmark.
/// </remarks>
internal static class MicroCommand
{
    /// <summary>The mode's name.</summary>
    public const string Mode = "micro";

    /// <summary>Runs all micro-benchmarks and returns the exit code.</summary>
    public static int Run(string[] arguments)
    {
        var set = new OptionSet<(bool Quick, string? Output)>(
            $"{Program.Name} {Mode}",
            "Micro-benchmarks of the decoder, the encoder and the event loop.",
            EnvironmentPrefix.Benchmarks,
            default);
        set.Add(
            "--quick", OptionKind.Flag, false, (o, v) => o with { Quick = v },
            "Runs each benchmark once, only to test that it works; the figures mean nothing.");
        set.Add(
            "--output", OptionKind.Path("FOLDER"), null!, (o, v) => o with { Output = v },
            "Folder of BenchmarkDotNet's reports.", "BenchmarkDotNet.Artifacts");
        ParsedOptions<(bool Quick, string? Output)> parsed = set.Parse(arguments);
        if (parsed.Conclude(Console.Out, Console.Error) is int exitCode)
        {
            return exitCode;
        }

        ResourceLeakDetector.Level = ResourceLeakDetector.DetectionLevel.Disabled; // as in the server
        IConfig config = Configure(parsed.Options.Quick, parsed.Options.Output);
        Summary[] summaries = BenchmarkRunner.Run(
            [typeof(DecoderBenchmarks), typeof(EncoderBenchmarks), typeof(WakeUpBenchmarks)], config);
        return summaries.All(summary => !summary.HasCriticalValidationErrors && summary.Reports.All(report => report.Success))
            ? ExitCode.Success
            : ExitCode.CannotRun;
    }

    private static ManualConfig Configure(bool quick, string? output)
    {
        Job job = (quick ? Job.Dry : Job.ShortRun).WithToolchain(InProcessEmitToolchain.Instance);
        ManualConfig config = ManualConfig.CreateEmpty()
            .AddJob(job)
            .AddLogger(ConsoleLogger.Default)
            .AddColumnProvider(DefaultColumnProviders.Instance)
            .AddColumn(new TimePerPacketColumn())
            .AddDiagnoser(MemoryDiagnoser.Default)
            .AddExporter(MarkdownExporter.GitHub);
        if (output is not null)
        {
            config = config.WithArtifactsPath(output);
        }

        // The tests may run a Debug build; they use no figures.
        return quick ? config.WithOptions(ConfigOptions.DisableOptimizationsValidator) : config;
    }
}
