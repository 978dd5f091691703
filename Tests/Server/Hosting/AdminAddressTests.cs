using System.Net;
using DotNettyFraming.CommandLine;
using DotNettyFraming.Server.Hosting;

namespace DotNettyFraming.Tests.Server.Hosting;

public sealed class AdminAddressTests
{
    [TestCase("127.0.0.1:9998", "127.0.0.1:9998")]
    [TestCase("0.0.0.0:0", "0.0.0.0:0")]
    [TestCase("[::1]:1", "[::1]:1")]
    [TestCase("localhost:65535", "127.0.0.1:65535")]
    [TestCase("off", "off")]
    public void Text_gives_an_endpoint_or_none(string text, string shown)
    {
        Parsed<IPEndPoint?> parsed = AdminAddress.Parse(text);

        Assert.That(parsed.Fault, Is.Null);
        Assert.That(AdminAddress.Format(parsed.Value), Is.EqualTo(shown));
    }

    [TestCase("")]
    [TestCase("on")]
    [TestCase("9998")]
    [TestCase(":9998")]
    [TestCase("any:9998")]
    [TestCase("127.0.0.1")]
    [TestCase("127.0.0.1:65536")]
    [TestCase("127.0.0.1:+1")]
    [TestCase("127.1:9998")]
    [TestCase("::1:9998")]
    [TestCase("[127.0.0.1]:9998")]
    [TestCase("[::1]")]
    [TestCase("example.com:9998")]
    [TestCase("224.0.0.1:9998")]
    public void Anything_else_is_a_fault(string text) => Assert.That(AdminAddress.Parse(text).Fault, Is.Not.Null);
}
