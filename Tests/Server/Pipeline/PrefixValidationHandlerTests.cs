using DotNetty.Buffers;
using DotNetty.Transport.Channels;
using DotNettyFraming.Codec;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Server.Pipeline;
using DotNettyFraming.Tests.Harness;

namespace DotNettyFraming.Tests.Server.Pipeline;

[CancelAfter(30_000)]
public sealed class PrefixValidationHandlerTests
{
    private sealed class EventRecorder : ChannelHandlerAdapter
    {
        public List<object> Events { get; } = [];

        public override void UserEventTriggered(IChannelHandlerContext context, object evt) => Events.Add(evt);
    }

    [TestCase(FramingFaultKind.InvalidPrefix, CloseReason.InvalidPrefix)]
    [TestCase(FramingFaultKind.PayloadTooLarge, CloseReason.PayloadTooLarge)]
    public void Fault_stops_reading_and_ends_the_input(FramingFaultKind kind, object reason)
    {
        var events = new EventRecorder();
        using var rig = new HandlerRig(rig => [new PrefixValidationHandler(rig.Connection, rig.Log), events]);

        rig.Channel.WriteInbound(new FramingFault(kind, 0, 1));

        Assert.Multiple(() =>
        {
            Assert.That(events.Events, Is.EqualTo(new[] { new EndOfInput((CloseReason)reason) }));
            Assert.That(rig.Channel.Configuration.AutoRead, Is.False);
            Assert.That(rig.Channel.Open, Is.True, "closing is ProcessingHandler's");
            Assert.That(rig.Channel.ReadInbound<object>(), Is.Null);
        });
    }

    [Test]
    public void Batch_passes_with_its_one_reference()
    {
        using var rig = new HandlerRig(rig => [new PrefixValidationHandler(rig.Connection, rig.Log)]);
        var batch = PacketBatch.Of(Unpooled.WrappedBuffer(Packets.Article));

        rig.Channel.WriteInbound(batch);

        Assert.That(rig.Channel.ReadInbound<object>(), Is.SameAs(batch));
        Assert.That(batch.ReferenceCount, Is.EqualTo(1));
        batch.Release();
    }

    [Test]
    public void Fault_is_logged_below_information()
    {
        using var rig = new HandlerRig(rig => [new PrefixValidationHandler(rig.Connection, rig.Log)]);

        rig.Channel.WriteInbound(new FramingFault(FramingFaultKind.InvalidPrefix, 32, 'X'));

        Assert.That(rig.Log.Lines.Single().Level, Is.EqualTo(Microsoft.Extensions.Logging.LogLevel.Debug));
    }
}
