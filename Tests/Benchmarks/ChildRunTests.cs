using DotNettyFraming.Benchmarks.Interop;
using DotNettyFraming.Benchmarks.Senders;
using DotNettyFraming.Hosting;

namespace DotNettyFraming.Tests.Benchmarks;

/// <summary>Runs of other programs, with their peak memory.</summary>
[CancelAfter(60_000)]
public sealed class ChildRunTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    [Test]
    public async Task Run_has_exit_code_both_outputs_and_peak_memory()
    {
        ChildRun run = await ChildRun.RunAsync("sh", ["-c", "echo out; echo err >&2; sleep 1; exit 7"], Patience);

        Assert.That((run.ExitCode, run.Output, run.Errors), Is.EqualTo((7, "out\n", "err\n")));
        Assert.That(run.PeakResidentBytes, Is.InRange(100_000, 100_000_000));
    }

    [Test]
    public void Program_that_does_not_end_is_killed_and_reported()
    {
        string file = Path.GetTempFileName();
        try
        {
            Assert.That(
                async () => await ChildRun.RunAsync("sh", ["-c", $"echo $$ > {file}; exec sleep 60"], TimeSpan.FromSeconds(1)),
                Throws.InstanceOf<StartupException>().With.Message.Contains("sh did not end"));

            var child = new ProcessAccounts(int.Parse(File.ReadAllText(file)));
            Assert.That(() => child.PeakResidentBytes, Is.Null.After(5_000, 5));
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Test]
    public void Missing_program_is_reported() => Assert.That(
        async () => await ChildRun.RunAsync("/no/such/program", [], Patience),
        Throws.InstanceOf<StartupException>().With.Message.Contains("/no/such/program"));
}
