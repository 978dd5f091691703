using CsCheck;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.LoadClient.Verification;

namespace DotNettyFraming.Tests.LoadClient.Verification;

public sealed class AdminAddressTests
{
    [TestCase("http://127.0.0.1:9998", "http://127.0.0.1:9998/api/stats")]
    [TestCase("http://127.0.0.1:9998/", "http://127.0.0.1:9998/api/stats")]
    [TestCase("http://localhost", "http://localhost/api/stats")]
    [TestCase("https://[::1]:9998/", "https://[::1]:9998/api/stats")]
    [TestCase("HTTP://host:1/framing", "http://host:1/framing/api/stats")]
    [TestCase("http://host:1/framing/", "http://host:1/framing/api/stats")]
    [TestCase("http://host:1/a%20b", "http://host:1/a%20b/api/stats")]
    [TestCase("http://host:1//other", "http://host:1//other/api/stats")]
    [TestCase("http://host:1/api/stats", "http://host:1/api/stats")]
    [TestCase("http://host:1/framing/api/stats/", "http://host:1/framing/api/stats")]
    public void Statistics_are_below_the_address(string text, string statistics)
    {
        Parsed<Uri> parsed = StatisticsClient.ParseAddress(text);

        Assert.That(parsed.Fault, Is.Null);
        Assert.That(parsed.Value.OriginalString, Is.EqualTo(text), "messages show it as it was typed");
        Assert.That(StatisticsClient.StatisticsOf(parsed.Value).AbsoluteUri, Is.EqualTo(statistics));
    }

    [TestCase("")]
    [TestCase("127.0.0.1:9998")]
    [TestCase("localhost:9998")]
    [TestCase("/tmp/stats")]
    [TestCase("file:///tmp/stats")]
    [TestCase("ftp://host/")]
    [TestCase("http://")]
    [TestCase("http://host:70000")]
    [TestCase("http:/host")]
    [TestCase("http://ho st")]
    public void Anything_else_is_a_fault(string text) =>
        Assert.That(StatisticsClient.ParseAddress(text).Fault, Is.EqualTo("is not an http or https URL (such as http://127.0.0.1:9998)"));

    [TestCase("http://host:1/?seconds=5")]
    [TestCase("http://host:1/#part")]
    [TestCase("http://user:secret@host:1/")]
    public void More_than_host_port_and_path_is_a_fault(string text) =>
        Assert.That(StatisticsClient.ParseAddress(text).Fault, Is.EqualTo("has more than a host, a port and a path"));

    [Test]
    public void No_text_throws() => Gen
        .OneOf(Gen.String, Gen.String.Select(rest => $"http://{rest}"), Gen.String.Select(rest => $"http://h/{rest}"))
        .Sample(text => StatisticsClient.ParseAddress(text) is not { Fault: null } parsed
            || StatisticsClient.StatisticsOf(parsed.Value).IsAbsoluteUri);
}
