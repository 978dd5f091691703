using System.Net;
using System.Net.Sockets;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.LoadClient;
using DotNettyFraming.LoadClient.Abuse;
using DotNettyFraming.LoadClient.Connecting;
using DotNettyFraming.LoadClient.Options;
using DotNettyFraming.LoadClient.Reporting;
using DotNettyFraming.LoadClient.Sending;
using DotNettyFraming.Tests.Harness;
using Microsoft.Extensions.Logging.Abstractions;

namespace DotNettyFraming.Tests.LoadClient.Connecting;

/// <summary>A server name with several addresses; some refuse connections.</summary>
[CancelAfter(60_000)]
public sealed class AddressTests
{
    [Test]
    public async Task Connections_are_made_to_the_address_that_listens(
        [Values("epoll", "sockets")] string transport, [Values(false, true)] bool listensOnIPv6)
    {
        Machine.RequireIPv6();
        IPAddress listens = listensOnIPv6 ? IPAddress.IPv6Loopback : IPAddress.Loopback;
        IPAddress refuses = listensOnIPv6 ? IPAddress.Loopback : IPAddress.IPv6Loopback;
        using var closed = new Socket(refuses.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        closed.Bind(new IPEndPoint(refuses, 0)); // not listening, so it refuses
        await using var server = new StandInServer(StandInServer.ReadToEnd, address: listens);
        var options = new LoadOptions
        {
            Connections = 3,
            Packets = 300,
            RampUp = 1000,
            Duration = TimeSpan.FromMilliseconds(30),
            Abuse = new AbuseOptions { Kind = AbuseKind.ConnectFlood, Connections = 1 },
        };

        RunReport report = await RunAsync(transport, options, (IPEndPoint)closed.LocalEndPoint!, new IPEndPoint(listens, server.Port));

        Assert.That(report.Totals.Connected, Is.EqualTo(3));
        Assert.That(report.Failures, Is.Empty);
        Assert.That(report.Totals.PacketsSent, Is.EqualTo(300), "an address that was tried in vain takes no share");
        Assert.That(report.Abuse!.Attack.Totals.Made, Is.Positive);
        Assert.That(report.Abuse.Attack.Refusals, Is.Empty);
    }

    [Test]
    public async Task Attempt_fails_once_where_no_address_listens()
    {
        using var closed = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        closed.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var refuses = (IPEndPoint)closed.LocalEndPoint!;

        RunReport report = await RunAsync("epoll", new LoadOptions { Connections = 3, Packets = 3 }, refuses, refuses);

        Assert.That(report.Failures, Is.EqualTo(new[] { KeyValuePair.Create("ConnectionRefused", 3L) }));
    }

    private static Task<RunReport> RunAsync(string transport, LoadOptions options, params IPEndPoint[] addresses)
    {
        TransportChoice choice = transport == "epoll" ? TransportChoice.Epoll : TransportChoice.Sockets;
        var run = new LoadRun(
            options with { Transport = choice },
            options.Connections,
            new PacketTape(options.Payload, options.PacketsPerWrite, options.Seed),
            addresses,
            LoadTransport.Of(choice, eventLoops: 2),
            tls: null,
            TimeProvider.System,
            NullLogger.Instance);
        return run.RunAsync(CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(30));
    }
}
