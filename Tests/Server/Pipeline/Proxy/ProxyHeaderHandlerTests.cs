using System.Net;
using DotNetty.Buffers;
using DotNettyFraming.Codec;
using DotNettyFraming.Server.Limits;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Server.Pipeline;
using DotNettyFraming.Server.Pipeline.Proxy;
using DotNettyFraming.Server.Processing;
using static DotNettyFraming.Tests.Harness.Packets;
using static DotNettyFraming.Tests.Harness.ProxyHeaders;

namespace DotNettyFraming.Tests.Server.Pipeline.Proxy;

/// <summary>FAULTS 24 in an embedded channel: the bytes that the handler keeps and passes on, and its deadline.</summary>
[CancelAfter(30_000)]
public sealed class ProxyHeaderHandlerTests
{
    private static readonly IPEndPoint Balancer = new(IPAddress.Parse("10.1.2.3"), 4000);

    private static IEnumerable<byte[]> Headers => [Version1, Version2];

    [TestCaseSource(nameof(Headers))]
    public void Header_and_packets_split_at_any_byte_give_the_packets(byte[] header)
    {
        byte[] stream = Glue(header, Article, Of([]));
        for (int cut = 0; cut <= stream.Length; cut++)
        {
            using HandlerRig rig = Rig();

            rig.Receive(stream[..cut]);
            rig.Receive(stream[cut..]);

            Assert.Multiple(() =>
            {
                Assert.That(rig.Counters.PacketsProcessed, Is.EqualTo(2), $"cut at {cut}");
                Assert.That(rig.Counters.BytesReceived, Is.EqualTo(stream.Length - header.Length), "the header is no byte received");
                Assert.That(rig.Connection.Source.Peer, Is.EqualTo(Client));
                Assert.That(rig.Connection.AwaitedProxyHeader, Is.Null);
                Assert.That(rig.Channel.Pipeline.Get<ProxyHeaderHandler>(), Is.Null, "it has left");
            });
        }
    }

    [Test]
    public void Shed_releases_what_is_held_immediately()
    {
        using HandlerRig rig = Rig();
        DecoderCounters counters = rig.Loop.Counters.Bytes;

        rig.Receive(Version2[..10]);
        Assert.That(counters.BytesAllocated, Is.EqualTo(16));

        rig.Connection.Shed();
        Assert.That(counters.BytesAllocated, Is.Zero);
        rig.Channel.RunPendingTasks();
        Assert.That(rig.Counters.Closed(CloseReason.BufferBudget), Is.EqualTo(1));
    }

    [TestCaseSource(nameof(Headers))]
    public void Part_of_a_header_does_not_keep_the_read_buffer(byte[] header)
    {
        using HandlerRig rig = Rig();
        IByteBuffer read = rig.Channel.Allocator.HeapBuffer(65536);
        read.WriteBytes(header, 0, 10);

        rig.Channel.WriteInbound(read);

        Assert.Multiple(() =>
        {
            Assert.That(read.ReferenceCount, Is.Zero);
            Assert.That(rig.Connection.AwaitedProxyHeader?.HeldBytes, Is.EqualTo(16));
        });
    }

    [Test]
    public void Longest_header_byte_by_byte_holds_no_more_than_its_length()
    {
        using HandlerRig rig = Rig();
        byte[] header = Binary(0x21, 0x11, Version2[16..28], new byte[508]);
        int most = 0;
        foreach (byte part in header)
        {
            rig.Receive(part);
            most = Math.Max(most, rig.Connection.AwaitedProxyHeader?.HeldBytes ?? 0);
        }

        Assert.That(most, Is.EqualTo(536));
        Assert.That(rig.Connection.Source.Peer, Is.EqualTo(Client));
    }

    [Test]
    public void Composite_read_is_taken_too()
    {
        using HandlerRig rig = Rig();

        rig.Channel.WriteInbound(
            Unpooled.WrappedBuffer(Unpooled.WrappedBuffer(Version1[..9]), Unpooled.WrappedBuffer(Glue(Version1[9..], Article))));

        Assert.That(rig.Counters.PacketsProcessed, Is.EqualTo(1));
    }

    [Test]
    public void Mapped_address_is_the_IPv4_address()
    {
        using HandlerRig rig = Rig();

        rig.Receive(Line("TCP6 ::ffff:192.0.2.7 ::1 56324 1"));

        Assert.That(rig.Connection.Source.Peer, Is.EqualTo(Client));
    }

    [Test]
    public void Header_that_does_not_say_leaves_the_sockets_address([Values] bool version2)
    {
        using HandlerRig rig = Rig();

        rig.Receive(Glue(version2 ? Binary(0x20, 0x00) : Line("UNKNOWN"), Article));

        Assert.That(rig.Connection.Source.Peer, Is.EqualTo(Balancer));
        Assert.That(rig.Counters.PacketsProcessed, Is.EqualTo(1));
    }

    [TestCase("PROXY NONSENSE\r\n", "missing or malformed")]
    [TestCase("&", "missing or malformed")]
    [TestCase("PROXY UNKNOWN 0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\r\n",
        "longer than 107 bytes (version 1) or 536 (version 2)")]
    [TestCase("\r\n\r\n\0\r\nQUIT\n\u0021\u0011\u0002\u0009", "longer than 107 bytes (version 1) or 536 (version 2)")]
    public void Log_says_what_is_wrong_with_a_header(string header, string fault)
    {
        using HandlerRig rig = Rig();

        rig.Receive(System.Text.Encoding.Latin1.GetBytes(header));
        rig.Channel.RunPendingTasks();

        AssertClosed(rig, CloseReason.ProxyHeaderInvalid);
        Assert.That(rig.Log.Lines.Select(line => line.Message), Has.One.EqualTo($"connection 1 from {Balancer}: PROXY header {fault}"));
    }

    [Test]
    public void Wrong_header_closes_immediately_and_nothing_is_processed()
    {
        using HandlerRig rig = Rig();

        rig.Receive(Glue(Article, Version1, Article));
        rig.Channel.RunPendingTasks();

        AssertClosed(rig, CloseReason.ProxyHeaderInvalid);
        Assert.That(rig.Counters.BytesReceived, Is.Zero);
    }

    [Test]
    public void Untrusted_sender_is_closed_before_it_sends()
    {
        using HandlerRig rig = Rig(sender: new IPEndPoint(IPAddress.Parse("11.0.0.1"), 4000));
        rig.Channel.RunPendingTasks();

        AssertClosed(rig, CloseReason.ProxyUntrusted);
    }

    [Test]
    public void Late_header_is_closed_at_the_deadline_and_not_before([Values] bool begun)
    {
        using HandlerRig rig = Rig();
        rig.Receive(begun ? Version1[..^1] : []);

        rig.Sweep();
        rig.Sweep(after: TimeSpan.FromSeconds(3) - TimeSpan.FromTicks(1));
        Assert.That(rig.Channel.Open, Is.True);
        rig.Sweep(after: TimeSpan.FromTicks(1));
        rig.Channel.RunPendingTasks();

        AssertClosed(rig, CloseReason.ProxyHeaderTimeout);
    }

    [Test]
    public void Header_that_came_is_never_late()
    {
        using HandlerRig rig = Rig();
        rig.Receive(Version2);

        rig.Sweep(after: TimeSpan.FromDays(1));
        rig.Sweep(after: TimeSpan.FromDays(1));
        rig.Receive(Article);

        Assert.That(rig.Counters.PacketsProcessed, Is.EqualTo(1));
    }

    [Test]
    public void Connection_held_back_by_the_server_is_not_judged()
    {
        using HandlerRig rig = Rig();
        rig.Connection.Pause(PauseCauses.ProcessingBehind);

        rig.Sweep();
        rig.Sweep(after: TimeSpan.FromSeconds(6));
        rig.Connection.Resume(PauseCauses.ProcessingBehind);
        rig.Sweep(after: TimeSpan.FromSeconds(6)); // paused for part of this time
        Assert.That(rig.Channel.Open, Is.True);
        rig.Sweep(after: TimeSpan.FromSeconds(3));
        rig.Channel.RunPendingTasks();

        AssertClosed(rig, CloseReason.ProxyHeaderTimeout);
    }

    [Test]
    public void Stop_ends_a_connection_whose_header_has_not_come()
    {
        using HandlerRig rig = Rig();
        rig.Receive(Version1[..5]);

        rig.EndInput(CloseReason.ServerStopping);
        rig.Channel.RunPendingTasks();

        AssertClosed(rig, CloseReason.ServerStopping);
    }

    private static void AssertClosed(HandlerRig rig, CloseReason reason) => Assert.Multiple(() =>
    {
        Assert.That(rig.Channel.Open, Is.False);
        Assert.That(rig.Counters.Closed(reason), Is.EqualTo(1));
        Assert.That(rig.Counters.Accepted, Is.EqualTo(1));
        Assert.That(rig.Counters.Open, Is.Zero);
        Assert.That(rig.Counters.PacketsReceived, Is.Zero);
        Assert.That(rig.Connection.AwaitedProxyHeader, Is.Null);
        Assert.That(rig.Log.Errors, Is.Empty);
    });

    private static HandlerRig Rig(IPEndPoint? sender = null) => new(rig =>
    {
        rig.Connection.Source.Peer = sender ?? Balancer; // the embedded channel's address is not an IP address
        return
        [
            new ProxyHeaderHandler(rig.Connection, new ProxyRules([IPNetwork.Parse("10.0.0.0/8")], rig.Log)),
            new PacketDecoder(counters: rig.Loop.Counters.Bytes),
            new PrefixValidationHandler(rig.Connection, rig.Log),
            new ProcessingHandler(rig.Connection, new CountingProcessor(1), CancellationToken.None),
            new CloseHandler(rig.Connection, rig.Log),
        ];
    });
}
