using DotNettyFraming.Hosting;
using DotNettyFraming.LoadClient.Reporting;

namespace DotNettyFraming.Tests.LoadClient.Reporting;

public sealed class ReportFileTests
{
    private string _path = "";

    [SetUp]
    public void Make_a_file()
    {
        _path = Path.GetTempFileName();
        File.WriteAllText(_path, "what was there before, and is longer");
    }

    [TearDown]
    public void Remove_it() => File.Delete(_path);

    [Test]
    public void Report_that_was_not_asked_for_has_no_file() => Assert.That(ReportFile.Open("--html", null), Is.Null);

    [Test]
    public async Task File_keeps_what_it_held_until_the_report_is_written()
    {
        await using (ReportFile file = ReportFile.Open("--html", _path)!)
        {
            Assert.That(await File.ReadAllTextAsync(_path), Is.EqualTo("what was there before, and is longer"));
            await file.WriteAsync("a report"u8.ToArray());
        }

        Assert.That(await File.ReadAllTextAsync(_path), Is.EqualTo("a report"));
    }

    [TestCase("--json")]
    [TestCase("--html")]
    public void Path_that_cannot_be_written_is_reported_with_its_option(string option)
    {
        string path = Path.Combine(_path, "report"); // the parent is a file, not a directory

        Assert.That(
            () => ReportFile.Open(option, path),
            Throws.InstanceOf<StartupException>().With.Message.StartsWith($"{option}: '{path}' cannot be written: "));
    }

    [Test]
    public async Task Full_disk_is_reported_with_its_option()
    {
        await using ReportFile file = ReportFile.Open("--html", "/dev/full")!;

        Assert.That(
            async () => await file.WriteAsync("a report"u8.ToArray()),
            Throws.InstanceOf<StartupException>().With.Message.StartsWith("--html: '/dev/full' could not be written: "));
    }
}
