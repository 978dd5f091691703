using DotNettyFraming.Hosting.Options;
using DotNettyFraming.Server;
using DotNettyFraming.Server.Limits;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Tests.Harness;
using Microsoft.Extensions.Time.Testing;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Server;

/// <summary>FAULTS 17: what is held before there are packets counts as well: PROXY headers and TLS.</summary>
[TestFixture(TransportChoice.Epoll)]
[TestFixture(TransportChoice.Sockets)]
[CancelAfter(60_000)]
public sealed class BudgetBeforePacketsTests(TransportChoice transport)
{
    private const int Limit = 128 * 1024;

    [Test]
    public Task Unfinished_proxy_headers_are_bounded_and_the_oldest_go_first() => HoldAsync(
        ProxyHeaders.Binary(0x21, 0x11, new byte[500])[..400],
        options => options with { ProxyProtocol = ProxyProtocol.Required, ProxyTrusted = AddressText.Networks.Parse("127.0.0.0/8").Value });

    [Test]
    [Category("Slow")]
    public async Task Unfinished_tls_records_are_bounded_and_the_oldest_go_first()
    {
        using var certificates = new TestCertificates();
        (string certificate, string key) = certificates.IssueFiles("server");
        await HoldAsync(
            Glue([22, 3, 1, 0x40, 0], new byte[1000]), options => options with { TlsCertificateFile = certificate, TlsKeyFile = key });
    }

    private async Task HoldAsync(byte[] part, Func<ServerOptions, ServerOptions> configure)
    {
        var time = new FakeTimeProvider();
        await using RunningServer server = await RunningServer.StartAsync(
            transport, configure: options => configure(options with { MaxBufferedBytes = Limit }), time: time);
        List<Peer> holders = [];
        int count = 2 * Limit / part.Length;
        for (int i = 0; i < count; i++)
        {
            Peer holder = await server.ConnectAsync();
            holders.Add(holder);
            await holder.SendAsync(part);
            if (i == 20)
            {
                Eventually.That(() => server.Counters.BytesAllocated, Is.GreaterThanOrEqualTo(20L * part.Length));
                time.Advance(DeadlineSweep.Interval); // so that these are known to be older than the rest
                await server.LoopsAsync();
            }
        }

        Eventually.That(() => server.Counters.Closed(CloseReason.BufferBudget), Is.GreaterThanOrEqualTo(20));
        await holders[0].ClosedByServerAsync();
        await holders[19].ClosedByServerAsync();
        Eventually.That(() => server.Counters.BytesAllocated, Is.LessThanOrEqualTo((long)Limit));

        holders.ForEach(holder => holder.Dispose());
        Eventually.That(() => server.Counters.Open, Is.Zero);
        Eventually.That(() => server.Counters.BytesAllocated, Is.Zero);
        server.AssertBooksBalance();
    }
}
