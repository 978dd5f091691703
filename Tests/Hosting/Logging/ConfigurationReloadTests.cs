using DotNettyFraming.Hosting;
using DotNettyFraming.Hosting.Logging;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Tests.Hosting.Logging;

/// <summary>An nlog.config that is broken or edited while the program runs.</summary>
[TestFixture]
[NonParallelizable]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class ConfigurationReloadTests : IDisposable
{
    private readonly LoggingProgram _program = new();

    public void Dispose() => _program.Dispose();

    [TestCase(false)]
    [TestCase(true)]
    public void Level_changed_in_the_file_holds_within_two_looks(bool byRenaming)
    {
        using ProgramLogging logging = _program.Start();
        ILogger logger = logging.Factory.CreateLogger("Part");
        Assert.That(logger.IsEnabled(LogLevel.Debug), Is.False);

        _program.RewriteConfiguration(
            text => text.Replace("minlevel=\"Info\"", "minlevel=\"Debug\"", StringComparison.Ordinal), byRenaming);
        _program.PassTwoLooks();

        Assert.That(logger.IsEnabled(LogLevel.Debug), Is.True);
        logger.Line(LogLevel.Debug, "in the file as before");
        logging.Dispose();
        Assert.That(_program.ReadLog(), Has.One.EndsWith("DEBUG Part in the file as before"));
    }

    [Test]
    public void None_still_writes_no_file_after_a_change()
    {
        using (ProgramLogging logging = _program.Start(LogDirectory.None))
        {
            _program.RewriteConfiguration(text => text + "<!-- changed -->");
            _program.PassTwoLooks();
            logging.Factory.CreateLogger("Part").Line(LogLevel.Error, "only on standard output");
        }

        Assert.That(Directory.GetFileSystemEntries(_program.Folder), Is.EqualTo([_program.Configuration]));
    }

    [Test]
    public void Reload_of_NLog_itself_is_never_on()
    {
        // NLog's own reload would ignore the command line's --log-directory.
        _program.RewriteConfiguration(text => text.Replace("<nlog ", "<nlog autoReload=\"true\" ", StringComparison.Ordinal));
        using var logFactory = new NLog.LogFactory();

        var configuration = new LoggingConfigurationFile(_program.Configuration, LoggingProgram.Name, null, logFactory);

        Assert.That(configuration.AutoReload, Is.False);
        Assert.That(configuration.AutoReloadFileNames, Is.Empty);
    }

    [Test]
    public void Broken_change_is_logged_and_not_used()
    {
        using (ProgramLogging logging = _program.Start())
        {
            _program.RewriteConfiguration(text => text[..^20]);
            _program.PassTwoLooks();
            logging.Factory.CreateLogger("Part").Line(LogLevel.Information, "as before");
        }

        Assert.That(_program.ReadLog(), Has.One.Contains("is not used").And.One.EndsWith("INFO  Part as before"));
    }

    [TestCase("<nlog><broken")]
    [TestCase("")]
    [TestCase("<nlog><targets><target name='x' type='Nowhere'/></targets></nlog>")]
    [TestCase("<nlog><rules><logger name='*' writeTo='nowhere'/></rules></nlog>")]
    public void Broken_configuration_is_one_clear_line(string text)
    {
        File.WriteAllText(_program.Configuration, text);

        Assert.That(
            () => _program.Start(),
            Throws.TypeOf<StartupException>()
                .With.Message.StartsWith($"{_program.Configuration}: ").And.Message.Not.Contain("\n"));
    }

    [Test]
    public void Missing_configuration_is_one_clear_line()
    {
        File.Delete(_program.Configuration);

        Assert.That(() => _program.Start(), Throws.TypeOf<StartupException>().With.Message.StartsWith($"{_program.Configuration}: "));
    }
}
