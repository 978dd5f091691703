using System.Diagnostics;
using DotNettyFraming.Tests.Harness;

namespace DotNettyFraming.Tests.Programs;

/// <summary>Standard output or error that takes nothing changes no exit code.</summary>
[CancelAfter(60_000)]
[Platform("Linux", Reason = "The redirections are a shell's, and /dev/full is Linux's.")]
[Category("Slow")]
public sealed class UnwritableOutputTests
{
    [Test]
    public async Task Exit_code_is_what_it_would_have_been(
        [Values(">/dev/full", ">&-", "2>/dev/full", "2>&-", "<&- >&- 2>&-")] string redirection,
        [Values] Run run)
    {
        (string program, string arguments, int expected) = run switch
        {
            Run.Help => ("Server", "--help", 0),
            Run.Check => ("Server", "--check --log-directory none", 0),
            Run.BadOption => ("Server", "--bogus", 2),
            Run.AddressOfNobody => ("Server", "--port 0 --address 192.0.2.1 --log-directory none", 1),
            // Port 1: nobody listens there, on any machine that runs tests.
            _ => ("LoadClient", "--port 1 --connections 1 --packets 1 --log-directory none", 1),
        };
        // The shell's own standard error stays ours; only the program's streams are redirected.
        var start = new ProcessStartInfo("/bin/sh", ["-c", $"\"$0\" {arguments} {redirection}", Repository.Program(program)])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        using var timeout = new CancellationTokenSource(Peer.Patience);
        try
        {
            await process.WaitForExitAsync(timeout.Token);
        }
        finally
        {
            process.Kill(entireProcessTree: true);
        }

        Assert.That(process.ExitCode, Is.EqualTo(expected), await output + await errors);
        Assert.That(await output + await errors, Does.Not.Contain("   at "));
    }

    public enum Run
    {
        Help,
        Check,
        BadOption,
        AddressOfNobody,
        NobodyListens,
    }
}
