using DotNetty.Buffers;
using DotNetty.Transport.Channels;
using DotNetty.Transport.Channels.Embedded;
using DotNettyFraming.Server.Startup;

namespace DotNettyFraming.Tests.Server.Startup;

public sealed class ReceiveBuffersTests
{
    private static IRecvByteBufAllocatorHandle Handle(out EmbeddedChannel channel)
    {
        channel = new EmbeddedChannel();
        IRecvByteBufAllocatorHandle handle = new ReceiveBuffers().NewHandle();
        handle.Reset(channel.Configuration);
        return handle;
    }

    [Test]
    public void Full_read_is_followed_by_another_but_not_without_end()
    {
        IRecvByteBufAllocatorHandle handle = Handle(out _);

        int reads = 0;
        do
        {
            handle.LastBytesRead = ReceiveBuffers.BufferBytes;
            handle.IncMessagesRead(1);
            reads++;
        }
        while (handle.ContinueReading() && reads < 100);

        Assert.That(reads, Is.EqualTo(4), "then the next channel has its turn");
    }

    [Test]
    public void Short_read_ends_the_turn()
    {
        IRecvByteBufAllocatorHandle handle = Handle(out _);
        handle.LastBytesRead = ReceiveBuffers.BufferBytes - 1;
        handle.IncMessagesRead(1);

        Assert.That(handle.ContinueReading(), Is.False);
    }

    [Test]
    public void Peer_held_back_is_not_read_on()
    {
        IRecvByteBufAllocatorHandle handle = Handle(out EmbeddedChannel channel);
        channel.Configuration.AutoRead = false;
        handle.LastBytesRead = ReceiveBuffers.BufferBytes;
        handle.IncMessagesRead(1);

        Assert.That(handle.ContinueReading(), Is.False);
    }

    [Test]
    public void Each_channel_has_a_handle_of_its_own()
    {
        var buffers = new ReceiveBuffers();
        IRecvByteBufAllocatorHandle first = buffers.NewHandle();
        IRecvByteBufAllocatorHandle second = buffers.NewHandle();

        Assert.That(second, Is.Not.SameAs(first));
    }

    [Test]
    public void Buffer_is_of_one_size_and_on_the_heap()
    {
        IByteBuffer buffer = Handle(out _).Allocate(UnpooledByteBufferAllocator.Default);

        Assert.That(buffer.WritableBytes, Is.EqualTo(ReceiveBuffers.BufferBytes));
        Assert.That(buffer.HasArray, Is.True);
        buffer.Release();
    }
}
