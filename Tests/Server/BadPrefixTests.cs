using System.Diagnostics;
using DotNettyFraming.Benchmarks.Comparison;
using DotNettyFraming.Codec;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Tests.Harness;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Server;

/// <summary>FAULTS 6 and 7: a protocol fault closes the connection once, after the good packets before it.</summary>
[TestFixture(TransportChoice.Epoll)]
[TestFixture(TransportChoice.Sockets)]
[CancelAfter(60_000)]
public sealed class BadPrefixTests(TransportChoice transport)
{
    private static IEnumerable<TestCaseData> Streams()
    {
        yield return new TestCaseData(Glue([(byte)'X'], Article), 0).SetArgDisplayNames("first");
        yield return new TestCaseData(Glue(Repeat(Article, 5), [(byte)'X'], Article), 5).SetArgDisplayNames("nth");
        yield return new TestCaseData(new[] { (byte)'X' }, 0).SetArgDisplayNames("lone byte");
        yield return new TestCaseData(Glue(Article, OfLength(40_000), [0]), 2).SetArgDisplayNames("after a packet of many reads");
        yield return new TestCaseData(new byte[] { (byte)'X', 0xFF, 0xFF }, 0).SetArgDisplayNames("with a length that never comes");
    }

    [TestCaseSource(nameof(Streams))]
    public async Task Bad_prefix_closes_after_the_good_packets(byte[] stream, int good)
    {
        await using RunningServer server = await RunningServer.StartAsync(transport);
        using Peer peer = await server.ConnectAsync();

        await peer.SendAsync(stream);
        await peer.ClosedByServerAsync();

        server.AssertClosed(CloseReason.InvalidPrefix);
        Assert.Multiple(() =>
        {
            Assert.That(server.Counters.PacketsProcessed, Is.EqualTo(good));
            Assert.That(server.Log.Errors, Is.Empty);
        });
    }

    [Test]
    public async Task Bad_prefix_after_a_fragment_closes_after_the_completed_packet()
    {
        await using RunningServer server = await RunningServer.StartAsync(transport);
        using Peer peer = await server.ConnectAsync();

        await peer.SendAsync(Article.AsMemory(..10));
        Eventually.That(() => server.Counters.Named().Single(c => c.Key == "bytes.unfinished").Value, Is.EqualTo(10));
        await peer.SendAsync(Glue(Article[10..], "!"u8.ToArray(), Article));
        await peer.ClosedByServerAsync();

        server.AssertClosed(CloseReason.InvalidPrefix);
        Assert.That(server.Counters.PacketsProcessed, Is.EqualTo(1));
    }

    [Test]
    public async Task Lone_wrong_byte_closes_within_50_ms()
    {
        await using RunningServer server = await RunningServer.StartAsync(transport);
        var times = new List<double>();
        for (int i = 0; i < 21; i++)
        {
            using Peer peer = await server.ConnectAsync();
            long start = Stopwatch.GetTimestamp();
            await peer.SendAsync("X"u8.ToArray());
            await peer.ClosedByServerAsync();
            times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }

        // The median, because a busy machine may delay any single close.
        Assert.That(Statistics.Of(times)!.Median, Is.LessThan(50), "milliseconds");
        server.AssertClosed(CloseReason.InvalidPrefix, times.Count);
    }

    [Test]
    public async Task Length_below_its_own_field_closes_after_the_good_packets()
    {
        await using RunningServer server = await RunningServer.StartAsync(
            transport, configure: options => options with { Header = HeaderLayout.Parse("len:u16be-4") });
        using Peer peer = await server.ConnectAsync();

        await peer.SendAsync(new byte[] { 0, 6, 1, 2, 0, 1 }); // a payload of 2 bytes, then one of -3
        await peer.ClosedByServerAsync();

        Eventually.That(() => server.Counters.Closed(CloseReason.InvalidLength), Is.EqualTo(1));
        Assert.That(server.Counters.PacketsProcessed, Is.EqualTo(1));
        Assert.That(server.Log.Errors, Is.Empty);
    }

    [TestCase(1)]
    [TestCase(3)]
    [TestCase(7)]
    public async Task Oversized_packet_closes_before_anything_is_buffered(int firstPiece)
    {
        await using RunningServer server = await RunningServer.StartAsync(
            transport, configure: options => options with { MaxPayloadBytes = 1000 });
        using Peer peer = await server.ConnectAsync();
        byte[] stream = Glue(OfLength(1000), OfLength(1001));

        await peer.SendAsync(stream.AsMemory(..(1007 + firstPiece)));
        await peer.SendAsync(stream.AsMemory((1007 + firstPiece)..));
        await peer.ClosedByServerAsync();

        server.AssertClosed(CloseReason.PayloadTooLarge);
        Assert.That(server.Counters.PacketsProcessed, Is.EqualTo(1));
    }
}
