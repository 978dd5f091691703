using DotNetty.Buffers;
using DotNettyFraming.LoadClient.Options;
using DotNettyFraming.LoadClient.Sending;
using DotNettyFraming.Tests.Harness;

namespace DotNettyFraming.Tests.LoadClient.Sending;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class StampedPacketsTests
{
    private readonly StampedPackets _packets = new(new PacketTape(new LoadOptions().Payload, packetsPerWrite: 3, seed: 1));

    [Test]
    public void Same_second_gives_the_same_copy()
    {
        StampedPackets.Copy copy = _packets.At(100);

        Assert.That(_packets.At(100), Is.SameAs(copy));
    }

    [Test]
    public void Copy_that_nothing_is_in_flight_from_is_stamped_anew()
    {
        StampedPackets.Copy copy = _packets.At(100);

        Assert.That(_packets.At(101), Is.SameAs(copy));
        Assert.That(TimesOf(copy), Is.All.EqualTo(101));
    }

    [Test]
    public void Copy_in_flight_is_left_alone_and_comes_back_later()
    {
        StampedPackets.Copy first = _packets.At(100);
        IByteBuffer underWay = first.RetainedRange(0, 32);

        StampedPackets.Copy second = _packets.At(101);
        Assert.That(second, Is.Not.SameAs(first));
        Assert.That(TimesOf(first), Is.All.EqualTo(100));
        Assert.That(TimesOf(second), Is.All.EqualTo(101));
        Assert.That(_packets.Copies, Is.EqualTo(2));

        underWay.Release();
        Assert.That(_packets.At(102), Is.SameAs(first));
        Assert.That(_packets.Copies, Is.EqualTo(1));
    }

    [Test]
    public void Copies_are_one_for_each_second_with_a_stuck_write_and_not_one_for_each_write()
    {
        var stuck = new List<IByteBuffer>();
        for (uint second = 0; second < 4; second++)
        {
            for (int connection = 0; connection < 100; connection++)
            {
                stuck.Add(_packets.At(second).RetainedRange(0, 32));
            }
        }

        Assert.That(_packets.Copies, Is.EqualTo(4));
        stuck.ForEach(view => view.Release());
        _packets.At(4);
        Assert.That(_packets.Copies, Is.EqualTo(1));
    }

    [Test]
    public void Copy_is_left_alone_while_a_write_of_it_is_under_way()
    {
        StampedPackets.Copy first = _packets.At(100);
        first.Begin();

        Assert.That(_packets.At(101), Is.Not.SameAs(first));
        first.End();
        Assert.That(_packets.At(102), Is.SameAs(first));
    }

    private static uint[] TimesOf(StampedPackets.Copy copy) =>
        [.. copy.Range(0, 3 * 32).ToArray().Chunk(32)
            .Select(packet => PacketHeader.TryRead(packet, out PacketHeader header) ? header.Time : 0)];
}
