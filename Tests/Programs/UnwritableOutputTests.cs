using DotNettyFraming.Tests.Harness;

namespace DotNettyFraming.Tests.Programs;

/// <summary>Standard output or error that cannot be written changes no exit code.</summary>
[CancelAfter(60_000)]
[Platform("Linux", Reason = "/dev/full and a shell's redirections.")]
[Category("Slow")]
public sealed class UnwritableOutputTests
{
    [Test]
    public async Task Exit_code_does_not_change(
        [Values(">/dev/full", ">&-", "2>/dev/full", "2>&-", "<&- >&- 2>&-")] string redirection,
        [Values] Run run)
    {
        (string program, string arguments, int expected) = run switch
        {
            Run.Help => ("Server", "--help", 0),
            Run.Check => ("Server", "--check --log-directory none", 0),
            Run.BadOption => ("Server", "--bogus", 2),
            Run.ForeignAddress => ("Server", "--port 0 --address 192.0.2.1 --log-directory none", 1),
            // Port 1 refuses connections on any machine that runs tests.
            _ => ("LoadClient", "--port 1 --connections 1 --packets 1 --log-directory none", 1),
        };
        // Only the program's streams are redirected, not the shell's.
        ToolRun shell = await ToolRun.RunAsync("/bin/sh", ["-c", $"\"$0\" {arguments} {redirection}", Repository.Program(program)]);

        string text = shell.Output + shell.Errors;
        Assert.That(shell.ExitCode, Is.EqualTo(expected), text);
        Assert.That(text, Does.Not.Contain("   at "));
    }

    public enum Run
    {
        Help,
        Check,
        BadOption,
        ForeignAddress,
        RefusedPort,
    }
}
