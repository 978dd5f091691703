using DotNettyFraming.LoadClient.Connecting;

namespace DotNettyFraming.Tests.LoadClient.Connecting;

public sealed class ConnectionCapTests
{
    private static readonly (int First, int Last) Ports = (32_768, 60_999); // Linux's default: 28,232 of them

    [Test]
    public void Article_load_fits_a_limit_of_20000_files()
    {
        Assert.That(ConnectionCap.Of(10_000, 20_000, 150, Ports), Is.EqualTo(new ConnectionCap(10_000, null)));
    }

    [Test]
    public void Open_files_stop_it_first_and_are_named()
    {
        ConnectionCap cap = ConnectionCap.Of(40_000, 20_000, 150, Ports);

        Assert.That(cap.Connections, Is.EqualTo(20_000 - 150 - ConnectionCap.SpareFiles));
        Assert.That(cap.Message, Does.Contain("--connections 40000").And.Contain("20000 open files").And.Contain("ulimit -n"));
    }

    [Test]
    public void Source_ports_stop_it_first_and_are_named()
    {
        ConnectionCap cap = ConnectionCap.Of(40_000, 1_000_000, 150, Ports);

        Assert.That(cap.Connections, Is.EqualTo(28_232));
        Assert.That(cap.Message, Does.Contain("28232 source ports").And.Contain("net.ipv4.ip_local_port_range"));
    }

    [Test]
    public void Hostile_connections_take_ports_and_files_too()
    {
        ConnectionCap ports = ConnectionCap.Of(28_200, 1_000_000, 150, Ports, hostile: 100);
        ConnectionCap files = ConnectionCap.Of(1_000, 1_200, 150, Ports, hostile: 100);

        Assert.That(ports.Connections, Is.EqualTo(28_132));
        Assert.That(ports.Message, Does.Contain("28232 source ports (32768 to 60999), 100 of them for hostile connections"));
        Assert.That(files.Connections, Is.EqualTo(886));
    }

    [Test]
    public void Unknown_limits_stop_nothing()
    {
        Assert.That(ConnectionCap.Of(1_000_000, null, 0, null), Is.EqualTo(new ConnectionCap(1_000_000, null)));
    }

    [Test]
    public void Limit_below_what_is_open_leaves_nothing()
    {
        Assert.That(ConnectionCap.Of(10, 100, 150, Ports).Connections, Is.Zero);
    }
}
