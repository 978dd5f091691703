using DotNettyFraming.Hosting;
using DotNettyFraming.Server.Startup;

namespace DotNettyFraming.Tests.Server.Startup;

/// <summary>The environment of socket activation: LISTEN_PID and LISTEN_FDS.</summary>
public sealed class SocketActivationTests
{
    [TestCase("42", "1", 3)]
    [TestCase("42", "0", null)]
    [TestCase("42", null, null)]
    [TestCase("42", "many", null)]
    [TestCase("43", "1", null)]
    [TestCase("43", "2", null)]
    [TestCase(null, "1", null)]
    [TestCase("", "", null)]
    public void Descriptor_is_taken_when_it_is_meant_for_this_process(string? process, string? count, int? expected) =>
        Assert.That(Read(process, count), Is.EqualTo(expected));

    [Test]
    public void Several_descriptors_are_refused() =>
        Assert.That(() => Read("42", "2"), Throws.TypeOf<StartupException>().With.Message.StartsWith("LISTEN_FDS=2: "));

    private static int? Read(string? process, string? count) => SocketActivation.Descriptor(
        name => name switch { "LISTEN_PID" => process, "LISTEN_FDS" => count, _ => null }, 42);
}
