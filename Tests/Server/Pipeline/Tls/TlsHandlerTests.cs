using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using DotNetty.Buffers;
using DotNetty.Transport.Channels.Sockets;
using DotNettyFraming.Server;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Server.Startup;
using DotNettyFraming.Tests.Harness;
using Microsoft.Extensions.Time.Testing;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Server.Pipeline.Tls;

/// <summary>The TLS handler without a socket, against .NET's TLS client.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[CancelAfter(60_000)]
public sealed class TlsHandlerTests : IDisposable
{
    private readonly TestCertificates _certificates = new();
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UtcNow);
    private readonly RecordingLogger _log = new();
    private readonly ServerTls _tls;

    public TlsHandlerTests()
    {
        (string certificate, string key) = _certificates.IssueFiles("server");
        var options = new ServerOptions { TlsCertificateFile = certificate, TlsKeyFile = key };
        bool asks = TestContext.CurrentContext.Test.Arguments.Contains(true);
        _tls = ServerTls.Of(options with { TlsClientCaFile = asks ? _certificates.AuthorityFile : null }, _time, _log)!;
    }

    public void Dispose()
    {
        _tls.Dispose();
        _certificates.Dispose();
    }

    [Test]
    public void Handshake_and_first_data_arrive_however_they_are_cut(
        [Values(SslProtocols.Tls12, SslProtocols.Tls13)] SslProtocols protocol,
        [Values(false, true)] bool withCertificate,
        [Values(7, 100, int.MaxValue)] int bytesPerRead) =>
        Converse(protocol, withCertificate, bytes => bytes.Chunk(bytesPerRead), Glue(Article, OfLength(20_000)));

    [Test]
    public void Handshake_and_first_data_arrive_byte_by_byte() =>
        Converse(SslProtocols.Tls13, withCertificate: false, bytes => bytes.Chunk(1), Glue(Article, OfLength(2_000)));

    [Test]
    [Category("Slow")]
    public void Client_s_last_words_and_its_first_data_are_cut_in_two_at_many_places(
        [Values(SslProtocols.Tls12, SslProtocols.Tls13)] SslProtocols protocol, [Values(false, true)] bool withCertificate)
    {
        int at = 0;
        bool isPast = false;
        while (!isPast)
        {
            isPast = true;
            Converse(protocol, withCertificate, bytes =>
            {
                isPast &= at >= bytes.Length;
                return at < bytes.Length ? [bytes[..at], bytes[at..]] : [bytes];
            }, Article);
            at += 7;
        }

        Assert.That(at, Is.GreaterThan(100));
    }

    [Test]
    public void What_is_written_is_encrypted_and_the_close_says_so([Values(SslProtocols.Tls12, SslProtocols.Tls13)] SslProtocols protocol)
    {
        using var rig = new TlsRig(_tls);
        rig.Handshake(protocol);
        rig.Client.Write(Article);
        rig.Deliver();

        rig.Server.Channel.WriteAndFlushAsync(Unpooled.WrappedBuffer(OfLength(20_000)));
        rig.Server.Connection.Abort(CloseReason.ServerStopping);

        byte[] answer = new byte[7 + 20_000];
        rig.Client.ReadExactly(answer);
        Assert.That(answer, Is.EqualTo(OfLength(20_000)));
        Assert.That(rig.Client.ReadByte(), Is.EqualTo(-1));
        Assert.That(rig.HasRunDry, Is.False, "the end was close_notify, and not the wire's");
    }

    [Test]
    public void Nothing_is_sent_on_the_server_s_own_account_after_the_handshake()
    {
        using var rig = new TlsRig(_tls);
        rig.Handshake(SslProtocols.Tls13);

        rig.Deliver();
        rig.Client.Write(Article);
        rig.Deliver();

        Assert.That(Glue([.. rig.Processor.All]), Is.EqualTo(Article));
        Assert.That(rig.Server.Channel.ReadOutbound<object>(), Is.Null, "tickets, which a peer that only sends would leave unread");
    }

    [Test]
    public void Shed_releases_what_is_held_immediately()
    {
        using var rig = new TlsRig(_tls);
        DotNettyFraming.Codec.DecoderCounters counters = rig.Server.Loop.Counters.Bytes;

        rig.Server.Receive(22, 3, 1);
        Assert.That(counters.BytesAllocated, Is.EqualTo(5));

        rig.Server.Connection.Shed();
        Assert.That(counters.BytesAllocated, Is.Zero);
        rig.Server.Channel.RunPendingTasks();
        Assert.That(rig.Server.Counters.Closed(CloseReason.BufferBudget), Is.EqualTo(1));
    }

    [Test]
    public void Shed_of_an_established_connection_says_close_notify()
    {
        using var rig = new TlsRig(_tls);
        rig.Handshake(SslProtocols.Tls13);
        rig.Client.Write(Article);
        rig.Deliver();
        rig.Server.Receive(Glue([23, 3, 3, 0x40, 0], new byte[10_000]));

        rig.Server.Connection.Shed();

        Assert.That(rig.Server.Loop.Counters.Bytes.BytesAllocated, Is.Zero);
        Assert.That(rig.Client.ReadByte(), Is.EqualTo(-1));
        Assert.That(rig.HasRunDry, Is.False, "the end was close_notify, and not the wire's");
    }

    [Test]
    public void Nothing_is_written_before_the_handshake()
    {
        using var rig = new TlsRig(_tls);

        Task write = rig.Server.Channel.WriteAndFlushAsync(Unpooled.WrappedBuffer(Article));

        Assert.That(write.IsFaulted, Is.True);
        Assert.That(rig.Server.Channel.ReadOutbound<object>(), Is.Null);
    }

    [Test]
    public void Handshake_is_overdue_at_its_time_out_however_its_bytes_trickle_and_not_before()
    {
        using var rig = new TlsRig(_tls);

        rig.Server.Receive(22, 3, 1);
        rig.Server.Sweep();
        rig.Server.Sweep(after: TimeSpan.FromSeconds(10) - TimeSpan.FromTicks(1));
        rig.Server.Receive(0);
        Assert.That(rig.Server.Connection.InputEnded, Is.False);
        rig.Server.Sweep(after: TimeSpan.FromTicks(1));
        rig.Server.Channel.RunPendingTasks();

        Assert.That(rig.Server.Counters.Closed(CloseReason.TlsTimeout), Is.EqualTo(1));
    }

    [Test]
    public void Held_bytes_are_those_of_the_handshake_and_then_of_an_unfinished_record_and_are_given_back()
    {
        using var rig = new TlsRig(_tls);
        DotNettyFraming.Codec.DecoderCounters counters = rig.Server.Loop.Counters.Bytes;

        rig.Server.Receive(22, 3, 1);
        Assert.That(counters.BytesAllocated, Is.EqualTo(5));
        using var other = new TlsRig(_tls);
        other.Handshake(SslProtocols.Tls13);
        Assert.That(other.Server.Loop.Counters.Bytes.BytesAllocated, Is.GreaterThan(8 * 1024), "ClientHello came, Finished has not");
        other.Deliver();
        Assert.That(other.Server.Loop.Counters.Bytes.BytesAllocated, Is.Zero.Or.EqualTo(32 * 1024), "Finished has come, and no data");
        other.Client.Write(Article);
        other.Deliver();
        Assert.That(other.Server.Loop.Counters.Bytes.BytesAllocated, Is.Zero);
        other.Server.Receive(Glue([23, 3, 3, 0x40, 0], new byte[10_000]));
        Assert.That(other.Server.Connection.HeldPart(0).Bytes, Is.EqualTo(10_005));
        Assert.That(other.Server.Loop.Counters.Bytes.BytesAllocated, Is.EqualTo(10_005));

        other.Server.Connection.Abort(CloseReason.BufferBudget);
        other.Server.Channel.RunPendingTasks();
        Assert.That(other.Server.Loop.Counters.Bytes.BytesAllocated, Is.Zero);
    }

    [TestCase(true)]
    public void Client_certificates_are_verified_off_the_loop(bool withCertificate)
    {
        using X509Certificate2? certificate = withCertificate ? _certificates.Issue("device") : null;
        List<Action> steps = [];
        using var rig = new TlsRig(_tls, verify: steps.Add);
        rig.Handshake(SslProtocols.Tls13, certificate);
        rig.Client.Write(Article);
        rig.Deliver();
        Assert.That(steps, Has.Count.EqualTo(1), "the certificates have arrived and are not verified");
        Assert.That(rig.Server.Channel.Configuration.AutoRead, Is.False);
        rig.Client.Write(Glue(Article, Article));
        rig.Deliver();
        rig.Server.Channel.Pipeline.FireUserEventTriggered(ChannelInputShutdownEvent.Instance);
        Assert.That(rig.Processor.All, Is.Empty);
        Assert.That(rig.Server.Loop.Counters.Bytes.BytesAllocated, Is.GreaterThan(8 * 1024), "what waits is charged");

        Assert.That(Task.Run(steps[0]).Wait(Peer.Patience), Is.True);
        rig.Server.Channel.RunPendingTasks();

        Assert.That(Glue([.. rig.Processor.All]), Is.EqualTo(Glue(Article, Article, Article)));
        Assert.That(rig.Server.Counters.Closed(CloseReason.PeerClosed), Is.EqualTo(1), "the end came behind the data");
        Assert.That(rig.Server.Loop.Counters.Bytes.BytesAllocated, Is.Zero);
    }

    [TestCase(true)]
    public void Connection_closed_during_verification_is_freed_after_it(bool withCertificate)
    {
        using X509Certificate2? certificate = withCertificate ? _certificates.Issue("device") : null;
        List<Action> steps = [];
        using var rig = new TlsRig(_tls, verify: steps.Add);
        rig.Handshake(SslProtocols.Tls13, certificate);
        rig.Client.Write(Article);
        rig.Deliver();
        rig.Client.Write(Article);
        rig.Deliver();

        rig.Server.Connection.Shed();
        rig.Server.Channel.RunPendingTasks();
        Assert.That(rig.Server.Counters.Closed(CloseReason.BufferBudget), Is.EqualTo(1));
        Assert.That(rig.Server.Loop.Counters.Bytes.BytesAllocated, Is.GreaterThan(8 * 1024), "held as long as the other thread needs it");
        Assert.That(Task.Run(steps[0]).Wait(Peer.Patience), Is.True);
        rig.Server.Channel.RunPendingTasks();

        Assert.That(rig.Server.Loop.Counters.Bytes.BytesAllocated, Is.Zero);
        Assert.That(rig.Processor.All, Is.Empty);
        Assert.That(rig.Server.Log.Errors, Is.Empty);
    }

    [Test]
    public void Handshake_of_more_than_16_KiB_is_refused_before_it_is_whole()
    {
        using var rig = new TlsRig(_tls);

        // The start of a ClientHello of 60,000 bytes.
        rig.Server.Receive(Glue([22, 3, 1, 0x40, 0, 1, 0, 0xEA, 0x60, 3, 3], new byte[16_384 - 6]));
        rig.Server.Channel.RunPendingTasks();

        Assert.That(rig.Server.Counters.Closed(CloseReason.TlsFailed), Is.EqualTo(1));
        Assert.That(
            rig.Server.Log.Lines.Concat(_log.Lines).Select(line => line.Message),
            Has.One.EndsWith("TLS failed: a handshake of more than 16384 bytes"));
    }

    [TestCase(false, 4, 8)]
    [TestCase(true, 8, 32)]
    public void Large_handshake_is_charged_as_long_as_the_connection_is_open(bool withCertificate, int factor, int unchargedKiB)
    {
        using X509Certificate2? certificate = withCertificate ? _certificates.Issue("device") : null;
        using var rig = new TlsRig(_tls);
        rig.Handshake(SslProtocols.Tls13, certificate, alpnBytes: 14_000);
        rig.Client.Write(Article);
        rig.Deliver();
        Assert.That(Glue([.. rig.Processor.All]), Is.EqualTo(Article));

        long held = rig.Server.Loop.Counters.Bytes.BytesAllocated;
        Assert.That(held, Is.InRange((14_000 * factor) - (unchargedKiB * 1024), (16 * 1024 * factor) - (unchargedKiB * 1024)));
        Assert.That(rig.Server.Connection.HeldPart(0).Bytes, Is.EqualTo(held));

        rig.Server.Connection.Abort(CloseReason.ServerStopping);
        rig.Server.Channel.RunPendingTasks();
        Assert.That(rig.Server.Loop.Counters.Bytes.BytesAllocated, Is.Zero);
    }

    private void Converse(SslProtocols protocol, bool withCertificate, Func<byte[], IEnumerable<byte[]>> cut, byte[] packets)
    {
        using X509Certificate2? certificate = withCertificate ? _certificates.Issue("device") : null;
        using var rig = new TlsRig(_tls, cut);
        rig.Handshake(protocol, certificate);
        Assert.That(rig.Client.IsMutuallyAuthenticated, Is.EqualTo(withCertificate));
        rig.Client.Write(packets);
        rig.Deliver();
        rig.Client.ShutdownAsync().GetAwaiter().GetResult();
        rig.Deliver();

        Assert.That(Glue([.. rig.Processor.All]), Is.EqualTo(packets));
        rig.Server.Channel.RunPendingTasks();
        Assert.That(rig.Server.Counters.Closed(CloseReason.PeerClosed), Is.EqualTo(1));
        Assert.That(rig.Server.Loop.Counters.Bytes.BytesAllocated, Is.Zero);
    }
}
