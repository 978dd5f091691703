using DotNettyFraming.Benchmarks.Comparison;
using DotNettyFraming.Benchmarks.Report;

namespace DotNettyFraming.Tests.Benchmarks;

[CancelAfter(60_000)]
public sealed class ResultsDocumentTests
{
    private static readonly DateTimeOffset Day = new(2026, 11, 23, 0, 0, 0, TimeSpan.Zero);

    private readonly ComparisonResult _result = SampleResult.Make();

    [Test]
    public void Document_has_command_machine_and_date()
    {
        string text = Text(_result);

        Assert.That(text, Does.Contain("dotnet run -c Release --project Benchmarks -- compare --rounds 3")
            .And.Contain($"* {Environment.ProcessorCount} processors")
            .And.Contain(System.Runtime.InteropServices.RuntimeInformation.FrameworkDescription)
            .And.Contain("* 2026-11-23")
            .And.Contain("* `ours`: this server"));
    }

    [Test]
    public void Tables_have_median_and_spread_of_each_contestant()
    {
        string text = Text(_result);

        Assert.That(text, Does.Contain(
            "| W1: 100 conn, 1 per send | 1.00 (1.00–1.00) | 1.10 (1.00–1.20) | 2.00 (1.00–4.40) | 1.50 (1.25–2.20) |"));
        Assert.That(text, Does.Contain("| W1: 100 conn, 1 per send | 0.80 (0.50–1.20) |"));
        Assert.That(text, Does.Contain("| 2.00 µs (1.00 µs–4.00 µs) | 2.40 µs (1.10 µs–4.00 µs) |"));
    }

    [Test]
    public void Different_count_is_shown()
    {
        string text = Text(_result with { Checks = [new CountCheck("ours", 1_000, 999)] });

        Assert.That(text, Does.Contain("| ours | 1,000 | 999 | DIFFERENT |"));
    }

    [Test]
    public void Table_without_rows_is_left_out() => Assert.That(Text(_result), Does.Not.Contain("Resident memory"));

    [Test]
    public void Document_and_plot_are_written_into_one_folder()
    {
        string folder = Directory.CreateTempSubdirectory().FullName;
        try
        {
            ResultsDocument.Write(folder, ["--rounds", "3"], _result, ResultTables.From(_result));

            Assert.That(File.ReadAllText(Path.Combine(folder, "RESULTS.md")), Does.Contain("](RESULTS.png)"));
            Assert.That(
                File.ReadAllBytes(Path.Combine(folder, "RESULTS.png")).Take(4), Is.EqualTo(new byte[] { 0x89, 0x50, 0x4E, 0x47 }));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Test]
    public void Without_a_floor_there_is_no_plot()
    {
        ComparisonResult result = _result with { Contestants = [SampleResult.Ours] };

        Assert.That(RatioPlot.Save(result, Path.Combine(Path.GetTempPath(), "never-written.png")), Is.False);
    }

    private static string Text(ComparisonResult result) =>
        ResultsDocument.Text(["--rounds", "3"], result, ResultTables.From(result), plotted: true, Day);
}
