using DotNetty.Buffers;
using DotNettyFraming.Codec;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Tests.Harness;

namespace DotNettyFraming.Tests.Server.Metrics;

public sealed class ServerCountersTests
{
    [Test]
    public void Loops_are_summed()
    {
        var counters = new ServerCounters();
        LoopCounters first = counters.AddLoop();
        LoopCounters second = counters.AddLoop();

        first.CountAccepted();
        second.CountAccepted();
        second.CountClosed(CloseReason.PeerReset);
        first.CountProcessed(3);
        second.CountProcessed(4);

        Assert.Multiple(() =>
        {
            Assert.That(counters.Accepted, Is.EqualTo(2));
            Assert.That(counters.Open, Is.EqualTo(1));
            Assert.That(counters.Closed(CloseReason.PeerReset), Is.EqualTo(1));
            Assert.That(counters.PacketsProcessed, Is.EqualTo(7));
        });
    }

    [Test]
    public void Table_has_a_row_for_each_counter_in_order() =>
        Assert.That(CounterTable.Rows.Select(row => row.Counter), Is.EqualTo(Enum.GetValues<Counter>()));

    [Test]
    public void Bytes_of_decoders_are_counters_too()
    {
        LoopCounters loop = new ServerCounters().AddLoop();
        loop.Bytes.Allocated(4096);
        PacketBatch batch = PacketBatch.Of(
            Unpooled.WrappedBuffer([.. Packets.Of("abc"u8.ToArray()), .. Packets.Of("de"u8.ToArray()), .. Packets.Of([])]));
        loop.CountReceived(batch);

        Assert.That(loop[Counter.BytesHeader], Is.EqualTo(21));
        Assert.That(loop[Counter.BytesAllocated], Is.EqualTo(4096));
        Assert.That(loop[Counter.BytesPayload], Is.EqualTo(5));
    }

    [Test]
    public void Every_counter_is_named_zeros_included()
    {
        Dictionary<string, long> named = new ServerCounters().Named().ToDictionary();

        Assert.That(named.Keys, Is.SupersetOf(new[]
        {
            "connections.open", "connections.accepted", "connections.paused", "connections.closed.PeerClosed",
            "packets.received", "packets.processed", "packets.dropped",
            "bytes.received", "bytes.header", "bytes.payload", "bytes.discarded", "bytes.unfinished",
        }));
        Assert.That(
            named.Keys.Where(name => name.StartsWith("connections.closed.", StringComparison.Ordinal)).Select(name => name.Split('.')[2]),
            Is.EqualTo(Enum.GetNames<CloseReason>()));
        Assert.That(named.Values, Is.All.Zero);
    }
}
