using DotNettyFraming.Transport;
using DotNettyFraming.Transport.EventLoops;

namespace DotNettyFraming.Tests.Transport.EventLoops;

public class ChannelTableTests
{
    [Test]
    public void Key_of_a_former_owner_of_the_descriptor_finds_nothing()
    {
        var table = new ChannelTable();
        var first = new EpollSocketChannel();
        var second = new EpollSocketChannel();

        ulong old = table.Add(200, first);
        table.Remove(old);
        Assert.That(table.Find(old), Is.Null);

        ulong current = table.Add(200, second);
        Assert.That(table.Find(current), Is.SameAs(second));
        Assert.That(table.Find(old), Is.Null, "an event that waited in the batch");
        table.Remove(old);
        Assert.That(table.Find(current), Is.SameAs(second), "a late removal does nothing");
        Assert.That(table.ToArray(), Is.EqualTo(new[] { second }));

        first.Unsafe.CloseForcibly();
        second.Unsafe.CloseForcibly();
    }

    [Test]
    public void Prefetch_of_a_channel_that_is_gone_or_unknown_does_nothing()
    {
        var table = new ChannelTable();
        var channel = new EpollSocketChannel();
        ulong key = table.Add(200, channel);

        table.Prefetch(key);
        table.Remove(key);
        table.Prefetch(key);
        table.Prefetch(EpollPoller.WakeUpKey);
        table.Prefetch(1_000_000);

        Assert.That(table.Find(key), Is.Null);
        channel.Unsafe.CloseForcibly();
    }

    [Test]
    public void Key_of_the_wake_up_finds_nothing()
    {
        Assert.That(new ChannelTable().Find(EpollPoller.WakeUpKey), Is.Null);
    }
}
