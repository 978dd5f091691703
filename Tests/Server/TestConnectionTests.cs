using System.Net;
using DotNettyFraming.Codec;
using DotNettyFraming.Server.Processing;
using DotNettyFraming.Tests.Harness;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Server;

/// <summary>The connection that users test their processors with.</summary>
public sealed class TestConnectionTests
{
    [Test]
    public void Batch_has_the_packets_in_order_numbered_over_batches()
    {
        var connection = new TestConnection();

        PacketBatch first = connection.Batch(Glue(Of([1]), Of([2])));
        PacketBatch second = connection.Batch(Of([3]));

        Assert.That((first.Count, first.FirstSequence, second.Count, second.FirstSequence), Is.EqualTo((2, 0L, 1, 2L)));
        Assert.That(Payloads(first), Is.EqualTo(new byte[][] { [1], [2] }));
        first.Release();
        second.Release();
    }

    [TestCase(new byte[0])]
    [TestCase(new byte[] { 0x26, 0, 0, 0, 0, 0 })]
    [TestCase(new byte[] { 0x26, 0, 0, 0, 0, 0, 0, 0x26 })]
    [TestCase(new byte[] { 0x26, 0, 0, 0, 0, 0, 0, (byte)'X' })]
    [TestCase(new byte[] { (byte)'X' })]
    public void Batch_of_anything_but_whole_packets_is_refused(byte[] bytes) =>
        Assert.That(() => new TestConnection().Batch(bytes), Throws.ArgumentException);

    [Test]
    public async Task Replies_are_recorded_with_their_headers_until_refused()
    {
        var connection = new TestConnection();

        await connection.ProcessAsync(new EchoProcessor(), Glue(Of([1]), Of([2])));
        connection.Source.Reply("raw"u8);
        connection.AcceptsReplies = false;

        Assert.That(connection.Source.Reply("late"u8), Is.False);
        Assert.That(connection.Replies, Is.EqualTo(new[] { Of([1]), Of([2]), "raw"u8.ToArray() }));
    }

    [Test]
    public void Reply_that_no_header_can_announce_throws_with_the_limit_and_sends_nothing()
    {
        var connection = new TestConnection(header: HeaderLayout.Parse("len:u8"));

        Assert.That(
            () => connection.Source.Reply(new OutgoingPacket(0, new byte[256])),
            Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("the longest is 255 bytes"));
        Assert.That(connection.Replies, Is.Empty);
        Assert.That(connection.Source.Reply(new OutgoingPacket(0, new byte[255])), Is.True);
    }

    [Test]
    public async Task Processor_gets_the_source_and_a_batch_that_is_released_when_it_returns()
    {
        var peer = new IPEndPoint(IPAddress.Loopback, 1234);
        var connection = new TestConnection(peer, "CN=device", eventLoop: 3);
        var processor = new KeepingProcessor();

        await connection.ProcessAsync(processor, Article);

        Assert.That(processor.Source, Is.SameAs(connection.Source));
        Assert.That(
            (connection.Source.Peer, connection.Source.CertificateSubject, connection.Source.EventLoop),
            Is.EqualTo(((EndPoint)peer, "CN=device", 3)));
        Assert.That(processor.Kept!.ReferenceCount, Is.Zero, "a processor that keeps a borrowed batch is found out");
    }

    private static List<byte[]> Payloads(PacketBatch batch)
    {
        List<byte[]> payloads = [];
        foreach (Packet packet in batch)
        {
            payloads.Add(packet.Payload.ToArray());
        }

        return payloads;
    }

    private sealed class KeepingProcessor : IPacketProcessor
    {
        public PacketBatch? Kept { get; private set; }

        public PacketSource? Source { get; private set; }

        public ValueTask ProcessAsync(PacketBatch batch, PacketSource source, CancellationToken cancellationToken)
        {
            (Kept, Source) = (batch, source);
            return ValueTask.CompletedTask;
        }
    }
}
