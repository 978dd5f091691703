using System.Runtime.Versioning;
using DotNetty.Common.Internal.Logging;
using DotNettyFraming.Hosting;
using DotNettyFraming.Hosting.Logging;
using DotNettyFraming.Hosting.Options;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Tests.Hosting.Logging;

/// <summary>Logging with the project's nlog.config, which both programs use.</summary>
[TestFixture]
[NonParallelizable]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class ProgramLoggingTests : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    private readonly LoggingProgram _program = new();

    public void Dispose() => _program.Dispose();

    [Test]
    public void File_is_named_by_program_and_process_and_holds_every_line_after_the_end()
    {
        using (ProgramLogging logging = _program.Start())
        {
            ILogger logger = logging.Factory.CreateLogger("DotNettyFraming.Sample.Progress"); // exempt from the log limit
            for (int i = 0; i < 1000; i++)
            {
                string text = $"line {i}";
                logger.Line(LogLevel.Information, text);
            }

            logging.CreateLifecycleLogger().Line(LogLevel.Information, "stopped: a=1");
        }

        string[] lines = _program.ReadLog();
        Assert.That(lines, Has.Length.EqualTo(1001));
        Assert.That(lines[0], Does.Match(@"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} INFO  Progress line 0$"));
        Assert.That(lines[^1], Does.EndWith(" INFO  Lifecycle stopped: a=1"));
    }

    [Test]
    public void DotNetty_logs_through_NLog()
    {
        using (_program.Start())
        {
            IInternalLogger logger = InternalLoggerFactory.GetInstance("DotNetty.Sample.Channel");
            logger.Warn("odd: {}", "thing");
            logger.Info("not worth a line");
        }

        Assert.That(_program.ReadLog(), Has.One.Items.And.One.EndsWith("WARN  Channel odd: thing"));
    }

    [Test]
    public void DotNetty_class_loaded_after_the_end_still_gets_a_logger()
    {
        _program.Start().Dispose();

        Assert.That(() => InternalLoggerFactory.GetInstance("DotNetty.Late").Warn("late"), Throws.Nothing);
    }

    [TestCase("Microsoft.Hosting.Lifetime")]
    [TestCase("Microsoft.AspNetCore.Server")]
    [TestCase("System.Net.Http")]
    [TestCase("DotNetty.Transport")]
    public void Library_is_heard_from_Warn_on(string name)
    {
        using ProgramLogging logging = _program.Start();
        ILogger logger = logging.Factory.CreateLogger(name);

        Assert.That(logger.IsEnabled(LogLevel.Information), Is.False);
        Assert.That(logger.IsEnabled(LogLevel.Warning), Is.True);
    }

    [Test]
    public void None_writes_no_file()
    {
        using (ProgramLogging logging = _program.Start(LogDirectory.None))
        {
            logging.Factory.CreateLogger("Part").Line(LogLevel.Error, "only here");
        }

        Assert.That(_program.Output.ToString(), Does.Contain("only here"));
        Assert.That(Directory.GetFileSystemEntries(_program.Folder), Is.EqualTo([_program.Configuration]));
    }

    [Test]
    public void Text_of_a_peer_cannot_forge_a_line()
    {
        using (ProgramLogging logging = _program.Start())
        {
            ILogger logger = logging.Factory.CreateLogger("Part");
            logger.Line(LogLevel.Warning, "peer said x\r\n2026-11-23 06:00:00.123 INFO  Lifecycle stopped: \u001B[2J{0:Z}");
            logger.Line(LogLevel.Error, "failed", new InvalidOperationException("a\r\nb\u001B", new IOException("inner\n")));
        }

        string[] lines = _program.ReadLog();
        Assert.That(lines, Has.Length.EqualTo(4));
        Assert.That(lines[0], Does.EndWith(@"WARN  Part peer said x\r\n2026-11-23 06:00:00.123 INFO  Lifecycle stopped: \u001B[2J{0:Z}"));
        Assert.That(lines[1..], Is.EqualTo(
        [
            lines[1],
            @"    System.InvalidOperationException: a\r\nb\u001B",
            @"    System.IO.IOException: inner\n",
        ]));
    }

    [Test]
    public void Exception_shows_its_stack_indented()
    {
        using (ProgramLogging logging = _program.Start())
        {
            try
            {
                throw new InvalidOperationException("thrown");
            }
            catch (InvalidOperationException e)
            {
                logging.Factory.CreateLogger("Part").Line(LogLevel.Error, "failed", e);
            }
        }

        Assert.That(_program.ReadLog()[2], Does.StartWith("      at ").And.Contain(nameof(Exception_shows_its_stack_indented)));
    }

    [Test]
    public void Lifecycle_line_is_on_standard_output_once_when_the_call_returns()
    {
        using (ProgramLogging logging = _program.Start())
        {
            logging.CreateLifecycleLogger().Line(LogLevel.Information, "listening on [::]:9999");
            Assert.That(_program.Output.ToString(), Does.EndWith(" INFO  Lifecycle listening on [::]:9999" + Environment.NewLine));
        }

        Assert.That(_program.Output.ToString().Split("listening on"), Has.Length.EqualTo(2));
        Assert.That(_program.ReadLog(), Has.One.Items);
    }

    [Test]
    public async Task Stalled_console_does_not_block_callers_of_the_logger()
    {
        using var stalled = new StalledWriter();
        Console.SetOut(stalled);
        ProgramLogging logging = _program.Start();
        ILogger logger = logging.Factory.CreateLogger("Flood.Progress"); // exempt from the log limit
        try
        {
            await Task.Run(() =>
            {
                // Several times the queue's capacity.
                for (int i = 0; i < 30_000; i++)
                {
                    logger.Line(LogLevel.Information, "flood");
                }
            }).WaitAsync(Limit);
        }
        finally
        {
            stalled.Release();
            logging.Dispose();
        }

        Assert.That(stalled.Lines, Is.InRange(1, 29_999));
    }

    [Test]
    public void Directory_that_cannot_be_written_to_is_one_clear_line()
    {
        // Not even root can create a directory below a regular file.
        string impossible = Path.Combine(_program.Configuration, "logs\n");

        Assert.That(
            () => _program.Start(new LogDirectory(impossible)),
            Throws.TypeOf<StartupException>().With.Message.StartsWith(
                $@"--log-directory '{_program.Configuration}/logs\n': cannot be written to: "));
    }

    [Test]
    public void Default_directory_that_cannot_be_written_to_is_one_warning_and_no_files()
    {
        string impossible = Path.Combine(_program.Configuration, "logs");
        using (ProgramLogging logging = _program.Start(new LogDirectory(impossible) { IsDefault = true }))
        {
            logging.CreateLifecycleLogger().Line(LogLevel.Information, "goes on");
        }

        string[] lines = _program.Output.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);
        Assert.That(lines, Has.Length.EqualTo(2));
        Assert.That(lines, Has.One.Contains($" WARN  ProgramLogging no log files: {impossible} cannot be written to: "));
        Assert.That(lines, Has.One.EndsWith("goes on"));
    }

    [Test]
    [Platform("Linux", Reason = "Modes of files.")]
    [UnsupportedOSPlatform("windows")]
    public void Log_file_is_readable_by_user_and_group_and_its_folder_is_checked()
    {
        string directory = Path.Combine(_program.Folder, "open");
        Directory.CreateDirectory(directory);
        File.SetUnixFileMode(directory, (UnixFileMode)0b111_111_111);
        using (ProgramLogging logging = _program.Start(new LogDirectory(directory)))
        {
            logging.CreateLifecycleLogger().Line(LogLevel.Information, "here");
        }

        string file = Directory.GetFileSystemEntries(directory).Single();
        Assert.That(File.GetUnixFileMode(file), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead));
        Assert.That(
            File.ReadAllLines(file),
            Has.One.EndsWith($" WARN  ProgramLogging --log-directory '{directory}': other users can replace files in it"));
    }

    [TestCase("x/${processid}")]
    [TestCase("${logger} {0}")]
    [TestCase("a:b c*?")]
    [Platform("Linux", Reason = "Elsewhere not all of these are paths.")]
    public void Directory_is_taken_literally(string name)
    {
        string directory = Path.Combine(_program.Folder, name);
        using (ProgramLogging logging = _program.Start(new LogDirectory(directory)))
        {
            logging.CreateLifecycleLogger().Line(LogLevel.Information, "here");
        }

        string[] files = Directory.GetFiles(_program.Folder, "*.log", SearchOption.AllDirectories);
        Assert.That(files.Select(Path.GetDirectoryName), Is.EqualTo([directory]));
    }

    [TestCase("none", null)]
    [TestCase("some/where", "some/where")]
    [TestCase("./none", "./none")]
    public void Option_reads_a_directory_or_none(string text, string? expected)
    {
        var set = new OptionSet<LogDirectory>(LoggingProgram.Name, "Sample.", EnvironmentPrefix.Server, LogDirectory.Default);
        set.AddLogDirectory((_, directory) => directory);
        var nothing = new Dictionary<string, string>();

        Assert.That(set.Parse(["--log-directory", text], nothing).Options.Path, Is.EqualTo(expected));
        Assert.That(set.Parse(["--log-directory", ""], nothing).Errors, Has.One.Items);
        Assert.That(set.Parse([], nothing).Options.Path, Is.EqualTo(Path.Combine(AppContext.BaseDirectory, "logs")));
        Assert.That(set.Parse([], nothing).Options.IsDefault, Is.True);
        Assert.That(set.Parse(["--log-directory", LogDirectory.Default.Path!], nothing).Options.IsDefault, Is.False);
    }
}
