using DotNettyFraming.Hosting.Options;
using DotNettyFraming.Server;
using DotNettyFraming.Tests.Harness;
using Microsoft.Extensions.Time.Testing;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Server;

/// <summary>FAULTS 17: memory for unfinished PROXY headers and TLS records counts against the budget too.</summary>
[TestFixture(TransportChoice.Epoll)]
[TestFixture(TransportChoice.Sockets)]
[CancelAfter(60_000)]
public sealed class BudgetBeforePacketsTests(TransportChoice transport)
{
    private const int Limit = 128 * 1024;

    [Test]
    public Task Unfinished_proxy_headers_are_bounded_and_the_oldest_closed_first() => HoldAsync(
        ProxyHeaders.Binary(0x21, 0x11, new byte[500])[..400],
        options => options with { ProxyProtocol = ProxyProtocol.Required, ProxyTrusted = AddressText.Networks.Parse("127.0.0.0/8").Value });

    [Test]
    [Category("Slow")]
    public async Task Unfinished_tls_records_are_bounded_and_the_oldest_closed_first()
    {
        using var certificates = new TestCertificates();
        (string certificate, string key) = certificates.IssueFiles("server");
        await HoldAsync(
            Glue([22, 3, 1, 0x40, 0], new byte[1000]), options => options with { TlsCertificateFile = certificate, TlsKeyFile = key });
    }

    private async Task HoldAsync(byte[] part, Func<ServerOptions, ServerOptions> configure)
    {
        int count = 2 * Limit / part.Length;
        Machine.RequireConnections(2 * count); // both ends are in this process
        var time = new FakeTimeProvider();
        await using RunningServer server = await RunningServer.StartAsync(
            transport, configure: options => configure(options with { MaxBufferedBytes = Limit }), time: time);
        List<Peer> holders = await BufferBudgetTests.ConnectHoldersAsync(server, time, part, count);

        await BufferBudgetTests.AssertOldestClosedAsync(server, holders, closed: 20, Limit);

        holders.ForEach(holder => holder.Dispose());
        Eventually.That(() => server.Counters.Open, Is.Zero);
        Eventually.That(() => server.Counters.BytesAllocated, Is.Zero);
        server.AssertBooksBalance();
    }
}
