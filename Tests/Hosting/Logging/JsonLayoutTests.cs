using System.Text.Json;
using DotNettyFraming.Hosting.Logging;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Tests.Hosting.Logging;

/// <summary>The JSON layout that nlog.config offers.</summary>
[TestFixture]
[NonParallelizable]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class JsonLayoutTests : IDisposable
{
    private readonly LoggingProgram _program = new();

    public void Dispose() => _program.Dispose();

    [Test]
    public void Json_on_request_is_an_object_a_line_with_what_the_event_had()
    {
        AskForJson();
        using (ProgramLogging logging = _program.Start())
        {
            ILogger logger = logging.Factory.CreateLogger("Part");
            logger.Line(LogLevel.Warning, "said \"x\"\r\n\u001B[2J");
            logger.Line(LogLevel.Error, "failed", new InvalidOperationException("a\nb"));
        }

        JsonElement[] lines = [.. _program.ReadLog().Select(line => JsonDocument.Parse(line).RootElement)];
        Assert.That(lines, Has.Length.EqualTo(2));
        Assert.Multiple(() =>
        {
            Assert.That(Text(lines[0], "time"), Does.Match(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"));
            Assert.That(Text(lines[0], "level"), Is.EqualTo("Warn"));
            Assert.That(Text(lines[0], "logger"), Is.EqualTo("Part"));
            Assert.That(Text(lines[0], "message"), Is.EqualTo("said \"x\"\r\n\u001B[2J"));
            Assert.That(Text(lines[0], "Text"), Is.EqualTo("said \"x\"\r\n\u001B[2J"), "the event's own value");
            Assert.That(lines[0].TryGetProperty("exception", out _), Is.False);
            Assert.That(Text(lines[1], "exception"), Does.Contain("InvalidOperationException: a\nb"));
        });
    }

    [Test]
    public void Json_can_be_asked_for_while_the_program_runs()
    {
        using (ProgramLogging logging = _program.Start())
        {
            ILogger logger = logging.Factory.CreateLogger("Part");
            logger.Line(LogLevel.Warning, "before");
            AskForJson();
            _program.PassTwoLooks();
            logger.Line(LogLevel.Warning, "after");
        }

        string[] lines = _program.ReadLog();
        Assert.That(lines, Has.One.EndsWith(" WARN  Part before"));
        Assert.That(lines, Has.One.Contains("\"message\":\"after\""));
    }

    private void AskForJson() => _program.RewriteConfiguration(text =>
    {
        string changed = text.Replace(
            """<variable name="line" value="${var:text}" />""",
            """<variable name="line" value="${var:json}" />""",
            StringComparison.Ordinal);
        Assert.That(changed, Is.Not.EqualTo(text));
        return changed;
    });

    private static string? Text(JsonElement json, string name) => json.GetProperty(name).GetString();
}
