using DotNettyFraming.Tests.Harness;

namespace DotNettyFraming.Tests.Benchmarks;

/// <summary>Short runs of all modes of the benchmarks' program, without a check of figures.</summary>
[CancelAfter(180_000)]
[Category("Slow")]
public sealed class BenchmarksProgramTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120); // some seconds on an idle machine

    private string _folder = "";

    [SetUp]
    public void Create_folder() => _folder = Directory.CreateTempSubdirectory().FullName;

    [TearDown]
    public void Delete_folder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public async Task Quick_comparison_measures_every_peer_and_counts_every_packet()
    {
        using ProgramRun run = ProgramRun.Start("Benchmarks", ["compare", "--quick", "--output", _folder]);

        int exitCode = await run.ExitAsync(Patience);

        Assert.That(exitCode, Is.Zero, run.Everything);
        string results = await File.ReadAllTextAsync(Path.Combine(_folder, "RESULTS.md"));
        foreach (string peer in new[] { "floor", "ours", "sockets", "stock", "kestrel" })
        {
            Assert.That(results, Does.Match($@"\| {peer} \| [0-9,]+ \| [0-9,]+ \| all \|"));
        }

        Assert.That(
            results,
            Does.Contain("Packets per second").And.Contain("Acknowledgements").And.Contain("Connections").And.Contain("Resident memory"));
        Assert.That(results, Does.Match(@"\| stored \| [0-9.]+[ kM]* \|"));
        Assert.That(
            results + run.Everything(),
            Does.Match(@"\| forwarded \| [0-9.]+[ kM]* \|").Or.Contain("forwarded is left out: there is no `redis-server`"));
        Assert.That(new FileInfo(Path.Combine(_folder, "RESULTS.png")).Length, Is.Positive);
    }

    [Test]
    public async Task Quick_comparison_of_senders_measures_both_and_counts_every_packet()
    {
        using ProgramRun run = ProgramRun.Start("Benchmarks", ["senders", "--quick"]);

        int exitCode = await run.ExitAsync(Patience);

        Assert.That(exitCode, Is.Zero, run.Everything);
        Assert.That(
            run.Output,
            Has.Some.Matches(@"^\| 100x64: 100 conn, 64 per write \| [0-9.]+ [kM] \| [0-9.]+ [kM] \| [0-9.]+ \| [0-9.]+ % \|$"));
        Assert.That(run.Output, Has.Some.Matches(@"^\| 300x1: 300 conn, 1 per write \| [0-9.]+ s \| [0-9.]+ s \| 0 \| [0-9.]+ MiB \|$"));
        Assert.That(run.Output, Has.Some.Matches(@"^\| floor \| [0-9,]+ \| [0-9,]+ \| all \|$"));
    }

    [Test]
    public async Task Quick_micro_benchmarks_all_succeed()
    {
        using ProgramRun run = ProgramRun.Start("Benchmarks", ["micro", "--quick", "--output", _folder]);

        int exitCode = await run.ExitAsync(Patience);

        Assert.That(exitCode, Is.Zero, run.Everything);
        Assert.That(
            Directory.EnumerateFiles(_folder, "*-report-github.md", SearchOption.AllDirectories).Select(file => File.ReadAllText(file)),
            Has.Exactly(1).Contain("DecodeSplit").And.Exactly(1).Contain("Encode ").And.Exactly(1).Contain("RoundTrip"));
    }

    [Test]
    public async Task Comparison_of_Go_without_Go_is_one_line_and_exit_code_1()
    {
        using ProgramRun run = ProgramRun.Start("Benchmarks", ["compare", "--quick", "--only", "go"], ("PATH", "/nowhere"));

        Assert.That(await run.ExitAsync(), Is.EqualTo(1));
        Assert.That(run.Output, Has.Exactly(1).StartsWith("go is skipped: there is no `go` on the path"));
        Assert.That(run.Errors, Is.EqualTo(new[] { "there is no server to measure" }));
    }

    [TestCase("compare --loads W9", "--loads: 'W9'")]
    [TestCase("compare --only floor,apache", "--only: 'floor,apache'")]
    [TestCase("compare --rounds 0", "--rounds: '0'")]
    [TestCase("senders --loads 5x5", "--loads: '5x5'")]
    [TestCase("send --port 0", "--port: '0'")]
    [TestCase("serve apache", "floor, stock, kestrel")]
    [TestCase("sing", "compare")]
    public async Task Bad_argument_is_reported_with_exit_code_2(string arguments, string message)
    {
        using ProgramRun run = ProgramRun.Start("Benchmarks", arguments.Split(' '));

        Assert.That(await run.ExitAsync(), Is.EqualTo(2));
        Assert.That(string.Join('\n', run.Errors), Does.Contain(message));
    }
}
