using DotNettyFraming.Server.Limits;
using DotNettyFraming.Server.Metrics;

namespace DotNettyFraming.Tests.Server.Limits;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class PeerPatienceTests
{
    private static readonly PeerDeadlines Limits = new(Idle: TimeSpan.FromTicks(1000), Packet: TimeSpan.FromTicks(100))
    {
        ProxyHeader = TimeSpan.FromTicks(300),
        TlsHandshake = TimeSpan.FromTicks(400),
        Write = TimeSpan.FromTicks(500),
        GracefulClose = TimeSpan.FromTicks(600),
    };

    private PeerPatience _patience;
    private long _last = 5000;

    [SetUp]
    public void First_look() => Look(at: 5000);

    [Test]
    public void Idle_from_the_start_is_closed_at_the_limit_and_not_before()
    {
        Assert.That(Look(at: 5999), Is.Null);
        Assert.That(Look(at: 6000), Is.EqualTo(CloseReason.IdleTimeout));
    }

    [Test]
    public void Any_byte_restarts_the_idle_time()
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
        Assert.That(Look(at: 15_000, bytes: 40, packet: 32, isRead: false), Is.Null);

        Assert.That(Look(at: 15_099, bytes: 40, packet: 32), Is.Null);
        Assert.That(Look(at: 15_100, bytes: 40, packet: 32), Is.EqualTo(CloseReason.PacketTimeout));
        Assert.That(Look(at: 15_999, bytes: 40, packet: -1), Is.Null);
        Assert.That(Look(at: 16_000, bytes: 40, packet: -1), Is.EqualTo(CloseReason.IdleTimeout));
    }

    [Test]
    public void Proxy_header_and_handshake_count_from_the_first_look_and_only_while_the_server_reads()
    {
        Assert.That(Look(at: 5299, awaitsHeader: true), Is.Null);
        Assert.That(Look(at: 9299, awaitsHeader: true, isRead: false), Is.Null);
        Assert.That(Look(at: 9300, awaitsHeader: true), Is.EqualTo(CloseReason.ProxyHeaderTimeout));
        Assert.That(Look(at: 9399, awaitsHandshake: true), Is.Null);
        Assert.That(Look(at: 9400, awaitsHandshake: true), Is.EqualTo(CloseReason.TlsTimeout));
    }

    [Test]
    public void Bytes_to_be_sent_that_the_peer_does_not_take_count_while_the_server_does_not_read_too()
    {
        Assert.That(Look(at: 5000, unsent: 7), Is.Null);
        Assert.That(Look(at: 5400, unsent: 8, isRead: false), Is.Null, "it took some");
        Assert.That(Look(at: 5899, unsent: 8, isRead: false), Is.Null);
        Assert.That(Look(at: 5900, unsent: 8, isRead: false), Is.EqualTo(CloseReason.WriteTimeout));
        Assert.That(Look(at: 5900, unsent: -1, isRead: false), Is.Null, "nothing is left");
    }

    [Test]
    public void Orderly_close_counts_from_its_first_look()
    {
        Assert.That(_patience.IsOver(stage: 3, 7000, Limits.GracefulClose), Is.False);
        Assert.That(_patience.IsOver(stage: 3, 7599, Limits.GracefulClose), Is.False);
        Assert.That(_patience.IsOver(stage: 3, 7600, Limits.GracefulClose), Is.True);
        Assert.That(_patience.IsOver(stage: 4, 7600, Limits.GracefulClose), Is.False, "the next stage");
        Assert.That(new PeerDeadlines(default, default).GracefulClose, Is.EqualTo(TimeSpan.FromSeconds(30)));
    }

    [Test]
    public void Zero_is_forever()
    {
        var patience = default(PeerPatience);
        var peer = new PeerProgress(true, false, false, Bytes: 1, PacketOffset: 0, HeldMark: -1, UnsentMark: 1);

        Assert.That(patience.Check(peer, 0, 0, PeerDeadlines.None), Is.Null);
        Assert.That(patience.Check(peer, long.MaxValue, 0, PeerDeadlines.None), Is.Null);
    }

    [Test]
    public void Idle_time_does_not_run_while_packets_wait_to_be_acknowledged()
    {
        Assert.That(Look(at: 6000, awaitsAcknowledgement: true), Is.Null);
        Assert.That(Look(at: 6999), Is.Null);
        Assert.That(Look(at: 7000), Is.EqualTo(CloseReason.IdleTimeout));
    }

    private CloseReason? Look(
        long at,
        long bytes = 0,
        long packet = -1,
        long unsent = -1,
        bool isRead = true,
        bool awaitsHeader = false,
        bool awaitsHandshake = false,
        bool awaitsAcknowledgement = false)
    {
        long step = at - _last;
        _last = at;
        var peer = new PeerProgress(isRead, awaitsHeader, awaitsHandshake, bytes, packet, HeldMark: -1, unsent)
        {
            AwaitsAcknowledgement = awaitsAcknowledgement,
        };
        return _patience.Check(peer, at, step, Limits);
    }
}
