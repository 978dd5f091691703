using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using DotNettyFraming.Tests.Harness;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Programs;

/// <summary>Options that limit peers, from the command line to the closed connection.</summary>
[CancelAfter(60_000)]
public sealed class PeerLimitOptionTests
{
    [Test]
    public async Task Idle_timeout_closes_within_half_a_second_after_the_limit()
    {
        (ProgramRun run, IPEndPoint endpoint) = await ProgramRun.StartServerAsync("--idle-timeout", "400ms", "--event-loops", "4");
        using ProgramRun server = run;
        long start = Stopwatch.GetTimestamp();
        Peer[] peers = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Peer.ConnectAsync(endpoint))); // one per event loop

        await Task.WhenAll(peers.Select(peer => peer.ClosedByServerAsync()));

        Assert.That(Stopwatch.GetElapsedTime(start).TotalSeconds, Is.InRange(0.4, 0.9 + 0.3), "0.3 s for a busy machine");
        Assert.That((await server.StopAsync())["connections.closed.IdleTimeout"], Is.EqualTo(4));
        Array.ForEach(peers, peer => peer.Dispose());
    }

    [Test]
    public async Task Max_connections_per_ip_refuses_one_address_only()
    {
        (ProgramRun run, IPEndPoint endpoint) = await ProgramRun.StartServerAsync("--max-connections-per-ip", "1", "--report-every", "1");
        using ProgramRun server = run;
        using Peer first = await Peer.ConnectAsync(endpoint);
        await first.SendAsync(Article);
        await server.LineAsync("processed 1 packets");

        using Peer second = await Peer.ConnectAsync(endpoint);
        await second.ClosedByServerAsync();
        using var other = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        other.Bind(new IPEndPoint(IPAddress.Parse("127.0.0.2"), 0));
        await other.ConnectAsync(endpoint).WaitAsync(Peer.Patience);
        other.Send(Article);
        await server.LineAsync("processed 2 packets");

        Assert.That((await server.StopAsync())["connections.closed.TooManyFromAddress"], Is.EqualTo(1));
    }

    [Test]
    public async Task Proxy_header_of_a_trusted_balancer_is_removed()
    {
        (ProgramRun run, IPEndPoint endpoint) = await ProgramRun.StartServerAsync(
            "--proxy-protocol", "required", "--proxy-trusted", "::1/128,127.0.0.0/8", "--report-every", "2");
        using ProgramRun server = run;
        using Peer first = await Peer.ConnectAsync(endpoint);
        await first.SendAsync(Glue(ProxyHeaders.Version1, Article));
        using Peer second = await Peer.ConnectAsync(endpoint);
        await second.SendAsync(Glue(ProxyHeaders.Version2, Article));
        await server.LineAsync("processed 2 packets");
        using Peer without = await Peer.ConnectAsync(endpoint);
        await without.SendAsync(Article);
        await without.ClosedByServerAsync();

        Dictionary<string, long> counters = await server.StopAsync();
        Assert.That(counters["bytes.received"], Is.EqualTo(64), "without the headers");
        Assert.That(counters["connections.closed.ProxyHeaderInvalid"], Is.EqualTo(1));
    }

    [Test]
    public async Task Proxy_header_of_an_untrusted_address_closes()
    {
        (ProgramRun run, IPEndPoint endpoint) = await ProgramRun.StartServerAsync(
            "--proxy-protocol", "required", "--proxy-trusted", "192.0.2.0/24");
        using ProgramRun server = run;
        using Peer peer = await Peer.ConnectAsync(endpoint);

        await peer.ClosedByServerAsync();

        Assert.That((await server.StopAsync())["connections.closed.ProxyUntrusted"], Is.EqualTo(1));
    }

    [Test]
    public async Task Silent_tls_peer_is_closed_and_an_exposed_key_is_a_warning()
    {
        using var certificates = new TestCertificates();
        (string certificate, string key) = certificates.IssueFiles("server");
        if (OperatingSystem.IsLinux())
        {
            File.SetUnixFileMode(key, UnixFileMode.UserRead | UnixFileMode.OtherRead);
        }

        (ProgramRun run, IPEndPoint endpoint) = await ProgramRun.StartServerAsync(
            "--tls-certificate", certificate, "--tls-key", key, "--tls-handshake-timeout", "300ms");
        using ProgramRun server = run;
        long start = Stopwatch.GetTimestamp();
        using Peer peer = await Peer.ConnectAsync(endpoint);

        await peer.ClosedByServerAsync();

        Assert.That(Stopwatch.GetElapsedTime(start).TotalSeconds, Is.InRange(0.3, 0.8 + 0.3), "0.3 s for a busy machine");
        Assert.That((await server.StopAsync())["connections.closed.TlsTimeout"], Is.EqualTo(1));
        Assert.That(server.Output, OperatingSystem.IsLinux() ? Has.One.EndsWith($"--tls-key: other users can read '{key}'") : Is.Not.Empty);
    }
}
