using DotNettyFraming.Server;
using DotNettyFraming.Server.Startup;

namespace DotNettyFraming.Tests.Server.Startup;

[Platform("Linux")]
public sealed class TcpOptionsTests
{
    [Test]
    public void None_is_set_by_default() => Assert.That(TcpOptions.Of(new ServerOptions()), Is.Empty);

    [TestCase(60.0, "1:9=1 6:4=60 6:5=20 6:6=3")]
    [TestCase(1.0, "1:9=1 6:4=1 6:5=1 6:6=3")]
    [TestCase(1.5, "1:9=1 6:4=2 6:5=1 6:6=3")]
    [TestCase(32400.0, "1:9=1 6:4=32400 6:5=10800 6:6=3")]
    public void Keep_alive_probes_three_times_within_as_long_again(double seconds, string expected) =>
        Assert.That(Text(new ServerOptions { TcpKeepAlive = TimeSpan.FromSeconds(seconds) }), Is.EqualTo(expected));

    [Test]
    public void User_timeout_is_in_milliseconds_rounded_up() =>
        Assert.That(Text(new ServerOptions { TcpUserTimeout = TimeSpan.FromMicroseconds(1500) }), Is.EqualTo("6:18=2"));

    [Test]
    public void Quick_acknowledgements_are_turned_off() =>
        Assert.That(Text(new ServerOptions { TcpQuickAck = false }), Is.EqualTo("6:12=0"));

    /// <summary>Returns the options as <c>level:name=value</c> in the kernel's numbers.</summary>
    private static string Text(ServerOptions options) =>
        string.Join(' ', TcpOptions.Of(options).Select(option => $"{option.Level}:{option.Name}={option.Value}"));
}
