using System.Net;
using System.Net.Sockets;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.Tests.Harness;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Hosting;

public sealed class AddressTextTests
{
    [Test]
    public void Any_is_no_address() => Assert.That(AddressText.Listen.Parse("any").Value, Is.EqualTo(new ListenAddress(null, null)));

    [TestCase("127.0.0.1")]
    [TestCase("0.0.0.0")]
    [TestCase("10.0.0.255")]
    [TestCase("::")]
    [TestCase("::1")]
    [TestCase("0:0:0:0:0:0:0:1")]
    [TestCase("2001:DB8::1")]
    [TestCase("::ffff:127.0.0.1")]
    [TestCase("fe80::1%1")]
    public void Address_to_listen_on_is_read(string text) =>
        Assert.That(AddressText.Listen.Parse(text).Value, Is.EqualTo(new ListenAddress(IPAddress.Parse(text), null)));

    [Test]
    public void Path_of_a_Unix_socket_is_read_and_written()
    {
        string longest = $"unix:/{new string('x', 106)}";

        Assert.That(AddressText.Listen.Parse("unix:/run/a b.sock").Value, Is.EqualTo(new ListenAddress(null, "/run/a b.sock")));
        Assert.That(AddressText.Listen.Format(AddressText.Listen.Parse(longest).Value), Is.EqualTo(longest));
    }

    [TestCase("unix:", "no absolute path")]
    [TestCase("unix:run/framing.sock", "no absolute path")]
    [TestCase("unix:@abstract", "no absolute path")]
    [TestCase("unix:/a\0b", "zero character")]
    public void Text_that_is_no_path_of_a_Unix_socket_is_a_fault(string text, string reason) =>
        Assert.That(AddressText.Listen.Parse(text).Fault, Does.Contain(reason));

    [Test]
    public void Path_of_a_Unix_socket_has_at_most_107_bytes_of_UTF8() =>
        Assert.That(AddressText.Listen.Parse($"unix:/{new string('x', 105)}é").Fault, Is.EqualTo("is longer than 107 bytes after unix:"));

    [TestCase("1", "four decimal parts")]
    [TestCase("1.2.3", "four decimal parts")]
    [TestCase("0x7f.0.0.1", "four decimal parts")]
    [TestCase("127.0.0.010", "four decimal parts")]
    [TestCase("[::1]", "brackets")]
    [TestCase("[::1]:80", "brackets")]
    [TestCase("127.0.0.1:80", "neither 'any' nor an IP address")]
    [TestCase("256.0.0.1", "neither 'any' nor an IP address")]
    [TestCase("localhost", "neither 'any' nor an IP address")]
    [TestCase("", "neither 'any' nor an IP address")]
    [TestCase("Any", "neither 'any' nor an IP address")]
    [TestCase("fe80::1%nosuch", "network interface")]
    [TestCase("::1%nosuch", "network interface")]
    [TestCase("224.0.0.1", "multicast")]
    [TestCase("239.255.255.255", "multicast")]
    [TestCase("255.255.255.255", "broadcast")]
    [TestCase("ff02::1", "multicast")]
    [TestCase("::ffff:224.0.0.1", "multicast")]
    public void Text_that_is_no_address_to_listen_on_is_a_fault(string text, string reason) =>
        Assert.That(AddressText.Listen.Parse(text).Fault, Does.Contain(reason));

    [TestCase("127.0.0.2,127.0.0.3")]
    [TestCase("::1,2001:db8::1")]
    public void Addresses_are_a_list(string text) =>
        Assert.That(AddressText.Addresses.Parse(text).Value.Select(address => $"{address}"), Is.EqualTo(text.Split(',')));

    [TestCase("1")]
    [TestCase("127.0.0.2,")]
    [TestCase("[::1]:80")]
    [TestCase("::1/64")]
    [TestCase("127.0.0.2:80")]
    [TestCase("any")]
    public void Anything_else_is_no_list_of_addresses(string text) =>
        Assert.That(AddressText.Addresses.Parse(text).Fault, Is.EqualTo("is no list of IP addresses (127.0.0.2,127.0.0.3)"));

    [TestCase("127.0.0.1:9998", "127.0.0.1:9998")]
    [TestCase("0.0.0.0:0", "0.0.0.0:0")]
    [TestCase("[::1]:1", "[::1]:1")]
    [TestCase("localhost:65535", "127.0.0.1:65535")]
    [TestCase("off", "off")]
    public void Text_gives_an_endpoint_or_none(string text, string shown)
    {
        Parsed<IPEndPoint?> parsed = AddressText.EndPointOrOff.Parse(text);

        Assert.That(parsed.Fault, Is.Null);
        Assert.That(AddressText.EndPointOrOff.Format(parsed.Value), Is.EqualTo(shown));
    }

    [TestCase("")]
    [TestCase("on")]
    [TestCase("9998")]
    [TestCase(":9998")]
    [TestCase("any:9998")]
    [TestCase("127.0.0.1")]
    [TestCase("127.0.0.1:65536")]
    [TestCase("127.0.0.1:+1")]
    [TestCase("127.1:9998")]
    [TestCase("::1:9998")]
    [TestCase("[127.0.0.1]:9998")]
    [TestCase("[::1]")]
    [TestCase("example.com:9998")]
    [TestCase("224.0.0.1:9998")]
    public void Anything_else_is_a_fault(string text) => Assert.That(AddressText.EndPointOrOff.Parse(text).Fault, Is.Not.Null);

    [TestCase(TransportChoice.Epoll)]
    [TestCase(TransportChoice.Sockets)]
    public async Task Ipv6_any_is_ipv6_only_on_both_transports(TransportChoice transport)
    {
        Machine.RequireIPv6();
        await using RunningServer server = await RunningServer.StartAsync(
            transport, configure: options => options with { Address = IPAddress.IPv6Any });

        using Peer peer = await Peer.ConnectAsync(server.Endpoint, IPAddress.IPv6Loopback);
        await peer.SendAsync(Article);
        Eventually.That(() => server.Counters.PacketsProcessed, Is.EqualTo(1));
        Assert.That(
            async () => (await Peer.ConnectAsync(server.Endpoint, IPAddress.Loopback)).Dispose(),
            Throws.TypeOf<SocketException>().With.Property("SocketErrorCode").EqualTo(SocketError.ConnectionRefused));
    }
}
