using System.Buffers.Binary;
using DotNetty.Buffers;
using DotNetty.Transport.Channels.Embedded;
using DotNettyFraming.Codec;
using DotNettyFraming.Server.Limits;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Server.Pipeline;
using DotNettyFraming.Tests.Harness;

namespace DotNettyFraming.Tests.Server.Pipeline;

[CancelAfter(30_000)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class BackPressureTests
{
    private const int MiB = 1024 * 1024;

    private readonly ServerCounters _counters = new();
    private readonly TaskCompletionSource _never = new();

    [Test]
    public void Full_loop_pauses_every_connection_until_below_half()
    {
        LoopState loop = HandlerRig.NewLoop(_counters);
        Connection idle = Open(loop);
        Connection[] busy = [.. Enumerable.Range(0, 336).Select(_ => Open(loop))]; // 336 × 100,000 > 32 MiB
        foreach (Connection connection in busy[..335])
        {
            Add(connection, 100_000); // below the connection's own mark
        }

        Assert.That((loop.BackPressure.Cost, _counters.Paused), Is.EqualTo((33_500_000, 0)), "below 32 MiB");
        Add(busy[335], 100_000);
        Assert.That(_counters.Paused, Is.EqualTo(337), "also the idle one");
        Connection late = Open(loop);
        Assert.That(late.IsPaused, Is.True, "not even its first read");
        late.Closed();
        Assert.That(_counters.Paused, Is.EqualTo(337));

        for (int i = 0; i < 168; i++)
        {
            busy[i].Pending.Abandon();
        }

        Assert.That((loop.BackPressure.Cost, _counters.Paused), Is.EqualTo((16_800_000, 337)), "above 16 MiB");
        busy[168].Pending.Abandon();
        Assert.That((loop.BackPressure.Cost, _counters.Paused, idle.IsPaused), Is.EqualTo((16_700_000, 0, false)));
        Assert.That(Open(loop).IsPaused, Is.False);
    }

    [Test]
    public void Causes_of_a_pause_are_apart()
    {
        LoopState loop = HandlerRig.NewLoop(_counters, maxPendingBytes: 2 * MiB);
        Connection flooder = Open(loop);
        Connection other = Open(loop);

        Add(flooder, 300_000);
        Assert.That((flooder.IsPaused, other.IsPaused), Is.EqualTo((true, false)));
        Add(other, 2 * MiB);
        Assert.That((flooder.IsPaused, other.IsPaused), Is.EqualTo((true, true)));
        other.Pending.Abandon();
        Assert.That((flooder.IsPaused, other.IsPaused, _counters.Paused), Is.EqualTo((true, false, 1)), "still behind by itself");
        flooder.Pending.Abandon();

        Assert.That(_counters.Paused, Is.Zero);
    }

    [Test]
    public void Closed_connection_counts_until_its_work_is_done()
    {
        var limits = new ConnectionLimits(1, 1);
        var address = System.Net.IPAddress.Parse("10.0.0.1");
        LoopState loop = HandlerRig.NewLoop(_counters, limits: limits);
        Assert.That(limits.Enter(address), Is.Null);
        var connection = new Connection(1, new EmbeddedChannel(), loop, new PacketDecoder(), address, new RecordingLogger());
        connection.Opened();
        Add(connection, 1000);

        connection.Closed();
        Assert.That(_counters.Open, Is.Zero);
        Assert.That(limits.Enter(address), Is.EqualTo(CloseReason.TooManyConnections), "channel and pipeline are still in memory");
        connection.Pending.Abandon();
        connection.Pending.Abandon();

        Assert.That(limits.Enter(address), Is.Null);
        Assert.That(limits.Enter(null), Is.EqualTo(CloseReason.TooManyConnections), "given back once");
    }

    private void Add(Connection connection, int cost)
    {
        byte[] packet = new byte[cost - BackPressure.BatchBytes];
        BinaryPrimitives.WriteInt32BigEndian(packet, packet.Length - 4);
        connection.Pending.Add(_never.Task, PacketBatch.Of(Unpooled.WrappedBuffer(packet), HeaderLayout.Parse("len:u32be")));
    }

    private static Connection Open(LoopState loop)
    {
        var connection = new Connection(1, new EmbeddedChannel(), loop, new PacketDecoder(), limitedAs: null, new RecordingLogger());
        connection.Opened();
        return connection;
    }
}
