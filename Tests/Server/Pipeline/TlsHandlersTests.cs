using System.Net.Security;
using DotNetty.Buffers;
using DotNettyFraming.Server.Diagnostics;
using DotNettyFraming.Server.Hosting;
using DotNettyFraming.Server.Pipeline;
using DotNettyFraming.Tests.Harness;
using Microsoft.Extensions.Time.Testing;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Server.Pipeline;

/// <summary>The handlers of TLS without a socket.</summary>
[CancelAfter(60_000)]
public sealed class TlsHandlersTests
{
    /// <summary>Three records; the second's fragment has 300 bytes, so that both bytes of its length count.</summary>
    private static readonly byte[] Records = Glue([22, 3, 1, 0, 2, 7, 7], [23, 3, 3, 1, 44], new byte[300], [21, 3, 3, 0, 1, 9]);

    private static readonly int[] Ends = [7, 312, 318];

    [Test]
    public void Records_cut_at_any_two_places_arrive_and_an_unfinished_one_takes_its_own_size()
    {
        for (int first = 0; first <= Records.Length; first += first is > 20 and < 300 ? 13 : 1)
        {
            for (int second = first; second <= Records.Length; second += 61)
            {
                using HandlerRig rig = Rig();
                var arrived = new List<byte>();

                foreach (byte[] read in new[] { Records[..first], Records[first..second], Records[second..] })
                {
                    IByteBuffer buffer = rig.Channel.Allocator.HeapBuffer(4096).WriteBytes(read);
                    rig.Channel.WriteInbound(buffer);
                    while (rig.Channel.ReadInbound<IByteBuffer>() is { } piece)
                    {
                        arrived.AddRange(piece.Array.AsSpan(piece.ArrayOffset + piece.ReaderIndex, piece.ReadableBytes));
                        bool beginsOne = !Ends.Contains(arrived.Count) && (Ends.Contains(arrived.Count - piece.ReadableBytes) || arrived.Count == piece.ReadableBytes);
                        Assert.That(!beginsOne || piece.Capacity == piece.ReadableBytes, "a buffer held for an unfinished record");
                        piece.Release();
                    }

                    Assert.That(buffer.ReferenceCount, Is.Zero);
                }

                Assert.That(arrived, Is.EqualTo(Records));
            }
        }
    }

    [TestCase(new byte[] { 0x26 })]
    [TestCase(new byte[] { 22, 2 })]
    [TestCase(new byte[] { 22, 3, 1, 0, 0 })]
    [TestCase(new byte[] { 23, 3, 3, 0x48, 1 })]
    public void What_is_no_record_closes_with_its_first_wrong_byte(byte[] bytes)
    {
        using HandlerRig rig = Rig();

        foreach (byte value in bytes)
        {
            Assert.That(rig.Connection.InputEnded, Is.False);
            rig.Receive(value);
        }

        Assert.That(rig.Connection.InputEnded, Is.True);
        while (rig.Channel.ReadInbound<IByteBuffer>() is { } piece)
        {
            piece.Release();
        }
    }

    [Test]
    public void Handshake_is_overdue_at_its_time_out_however_its_bytes_trickle_and_not_before()
    {
        using var certificates = new TestCertificates();
        (string certificate, string key) = certificates.IssueFiles("server");
        var time = new FakeTimeProvider();
        var options = new ServerOptions { TlsCertificateFile = certificate, TlsKeyFile = key };
        using HandlerRig rig = new(rig =>
        {
            using ServerTls tls = ServerTls.Of(options, time, rig.Log)!;
            tls.Pipeline.AddTo(rig.Channel.Pipeline, rig.Connection);
            return [new CloseHandler(rig.Connection, rig.Log)];
        });

        rig.Receive(22, 3, 1);
        time.Advance(options.TlsHandshakeTimeout - TimeSpan.FromTicks(1));
        rig.Receive(0);
        Assert.That(rig.Connection.Handshake!.IsOverdue, Is.False);
        time.Advance(TimeSpan.FromTicks(1));
        Assert.That(rig.Connection.Handshake.IsOverdue, Is.True);

        rig.Connection.Abort(CloseReason.TlsTimeout); // as the sweep does
        rig.Channel.RunPendingTasks();

        Assert.That(rig.Counters.Closed(CloseReason.TlsTimeout), Is.EqualTo(1));
        Assert.That(rig.Counters.Closed(CloseReason.TlsFailed), Is.Zero);
    }

    private static HandlerRig Rig() =>
        new(rig => [new TlsRecordHandler(rig.Connection, Begun(), rig.Log)]);

    private static ServerSslStream Begun() => new(new MemoryStream(), new SslServerAuthenticationOptions());
}
