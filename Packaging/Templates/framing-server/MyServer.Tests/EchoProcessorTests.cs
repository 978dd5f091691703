using DotNettyFraming.Server.Processing;

namespace MyServer.Tests;

public sealed class EchoProcessorTests
{
    [Test]
    public async Task Packet_is_answered_with_its_payload()
    {
        var connection = new TestConnection();

        await connection.ProcessAsync(new EchoProcessor(), [0x26, 2, 0, 0, 0, 0, 0, (byte)'h', (byte)'i']);

        byte[] reply = connection.Replies.Single();
        Assert.That(reply[..3], Is.EqualTo(new byte[] { 0x26, 2, 0 })); // prefix and length
        Assert.That(reply[7..], Is.EqualTo("hi"u8.ToArray()));
    }
}
