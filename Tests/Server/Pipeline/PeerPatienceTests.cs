using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Server.Pipeline;

namespace DotNettyFraming.Tests.Server.Pipeline;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class PeerPatienceTests
{
    private const long Idle = 1000;
    private const long Packet = 100;

    private PeerPatience _patience;

    [SetUp]
    public void Begin() => _patience.Begin(now: 5000);

    [Test]
    public void Idle_from_the_start_is_closed_at_the_limit_and_not_before()
    {
        Assert.That(Look(at: 5999), Is.Null);
        Assert.That(Look(at: 6000), Is.EqualTo(CloseReason.IdleTimeout));
    }

    [Test]
    public void Any_byte_begins_the_idle_time_anew()
    {
        Assert.That(Look(at: 5900, bytes: 7), Is.Null);
        Assert.That(Look(at: 6899, bytes: 7), Is.Null);
        Assert.That(Look(at: 6900, bytes: 7), Is.EqualTo(CloseReason.IdleTimeout));
    }

    [Test]
    public void Packet_that_trickles_is_closed_at_its_limit_however_many_bytes_come()
    {
        for (int i = 0; i < 10; i++)
        {
            Assert.That(Look(at: 5000 + (i * 10), bytes: 32 + i, packet: 32), Is.Null);
        }

        Assert.That(Look(at: 5099, bytes: 50, packet: 32), Is.Null);
        Assert.That(Look(at: 5100, bytes: 51, packet: 32), Is.EqualTo(CloseReason.PacketTimeout));
    }

    [Test]
    public void Next_packet_has_its_own_time()
    {
        Look(at: 5000, bytes: 40, packet: 32);

        Assert.That(Look(at: 5099, bytes: 70, packet: 64), Is.Null);
        Assert.That(Look(at: 5198, bytes: 80, packet: 64), Is.Null);
        Assert.That(Look(at: 5199, bytes: 80, packet: 64), Is.EqualTo(CloseReason.PacketTimeout));
    }

    [Test]
    public void Both_clocks_stand_still_while_the_server_does_not_read()
    {
        Look(at: 5000, bytes: 40, packet: 32);
        _patience.StandStill(10_000);

        Assert.That(Look(at: 15_099, bytes: 40, packet: 32), Is.Null);
        Assert.That(Look(at: 15_100, bytes: 40, packet: 32), Is.EqualTo(CloseReason.PacketTimeout));
        Assert.That(Look(at: 15_999, bytes: 40, packet: -1), Is.Null);
        Assert.That(Look(at: 16_000, bytes: 40, packet: -1), Is.EqualTo(CloseReason.IdleTimeout));
    }

    [Test]
    public void Zero_is_for_ever()
    {
        Assert.That(_patience.Look(1, 0, long.MaxValue, idleLimit: 0, packetLimit: 0), Is.Null);
        Assert.That(_patience.Look(1, 0, long.MaxValue, idleLimit: 0, packetLimit: 0), Is.Null);
    }

    private CloseReason? Look(long at, long bytes = 0, long packet = -1) => _patience.Look(bytes, packet, at, Idle, Packet);
}
