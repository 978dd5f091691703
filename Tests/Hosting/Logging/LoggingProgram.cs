using DotNetty.Common.Internal.Logging;
using DotNettyFraming.Hosting.Logging;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace DotNettyFraming.Tests.Hosting.Logging;

/// <summary>A program that logs with the project's nlog.config, a fake clock and a captured standard output.</summary>
/// <remarks>
/// Only one can exist at a time: it replaces the process's standard output and DotNetty's logger factory until it is disposed.
/// </remarks>
internal sealed class LoggingProgram : IDisposable
{
    public const string Name = "DotNettyFraming.Sample";

    private readonly ILoggerFactory _loggersBefore = InternalLoggerFactory.DefaultFactory;
    private readonly TextWriter _outputBefore = Console.Out;
    private readonly FakeTimeProvider _clock = new();
    private readonly string _logs;

    public LoggingProgram()
    {
        Console.SetOut(Output);
        Folder = Directory.CreateTempSubdirectory("framing-log-").FullName;
        Configuration = Path.Combine(Folder, "nlog.config");
        _logs = Path.Combine(Folder, "made", "logs");
        File.Copy(TopLevelFile("nlog.config"), Configuration);
    }

    public string Folder { get; }

    public string Configuration { get; }

    public StringWriter Output { get; } = new();

    public ProgramLogging Start(LogDirectory? directory = null) =>
        ProgramLogging.Start(Name, directory ?? new LogDirectory(_logs), Configuration, _clock);

    public string[] ReadLog() => File.ReadAllLines(Path.Combine(_logs, $"{Name}-{Environment.ProcessId}.log"));

    public void RewriteConfiguration(Func<string, string> change, bool byRenaming = false)
    {
        string changed = change(File.ReadAllText(Configuration));
        string target = byRenaming ? Configuration + ".new" : Configuration;
        File.WriteAllText(target, changed);
        if (byRenaming)
        {
            File.Move(target, Configuration, overwrite: true);
        }
    }

    public void PassTwoLooks()
    {
        _clock.Advance(TimeSpan.FromSeconds(1));
        _clock.Advance(TimeSpan.FromSeconds(1));
    }

    public void Dispose()
    {
        Console.SetOut(_outputBefore);
        InternalLoggerFactory.DefaultFactory = _loggersBefore;
        Output.Dispose();
        Directory.Delete(Folder, recursive: true);
    }

    private static string TopLevelFile(string name)
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "DotNettyFraming.sln")))
        {
            folder = Path.GetDirectoryName(folder);
        }

        return Path.Combine(folder ?? throw new FileNotFoundException("These tests need the solution's folder above them."), name);
    }
}
