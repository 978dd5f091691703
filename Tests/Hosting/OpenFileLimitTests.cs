using DotNettyFraming.Hosting;

namespace DotNettyFraming.Tests.Hosting;

[TestFixture]
internal sealed class OpenFileLimitTests
{
    private const string Head = "Limit                     Soft Limit           Hard Limit           Units     \n";

    [Test]
    public void Limits_are_read_from_their_line() =>
        Assert.That(
            OpenFileLimit.Parse(Head + "Max processes             7                    8                    processes \n"
                + "Max open files            1024                 20000                files     \n"),
            Is.EqualTo(new OpenFileLimit(1024, 20_000)));

    [Test]
    public void Unlimited_is_a_limit_above_all_others() =>
        Assert.That(
            OpenFileLimit.Parse(Head + "Max open files            1024                 unlimited            files     \n"),
            Is.EqualTo(new OpenFileLimit(1024, OpenFileLimit.Unlimited)));

    [TestCase("")]
    [TestCase(Head)]
    [TestCase("Max open files\n")]
    [TestCase("Max open files  many  20000  files\n")]
    [TestCase("Max open files  1024  -1  files\n")]
    public void Unusable_text_gives_no_limit(string limits) => Assert.That(OpenFileLimit.Parse(limits), Is.Null);

    [Test]
    [Platform("Linux")]
    public void Own_limit_is_known_on_Linux()
    {
        OpenFileLimit? limit = OpenFileLimit.Read();

        Assert.That(limit?.Soft, Is.GreaterThan(0));
        Assert.That(limit?.Hard, Is.GreaterThanOrEqualTo(limit!.Value.Soft));
    }
}
