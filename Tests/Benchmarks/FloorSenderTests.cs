using System.Net;
using System.Net.Sockets;
using DotNettyFraming.Benchmarks.Comparison;
using DotNettyFraming.Benchmarks.Load;

namespace DotNettyFraming.Tests.Benchmarks;

/// <summary>The minimal sender counts correctly and does not allocate.</summary>
[CancelAfter(60_000)]
[Category("Slow")]
public sealed class FloorSenderTests
{
    private static readonly TimeSpan Briefly = TimeSpan.FromMilliseconds(50);

    [TestCase(1, 1)]
    [TestCase(10, 1)]
    [TestCase(3, 100_000)] // 3.2 MB: partial writes
    public async Task Reported_packets_are_those_that_the_server_counts(int connections, int packetsPerWrite)
    {
        using ServerProcess server = await ServerProcess.StartAsync(Programs.InTests(Contestants.Floor));
        using FloorSender sender = FloorSender.Open(server.Port, Load(connections, packetsPerWrite));

        TimeSpan took = sender.Send(Briefly);
        sender.Finish();

        Assert.That(took, Is.GreaterThanOrEqualTo(Briefly));
        Assert.That(sender.Packets, Is.Positive);
        Assert.That(await server.StopAsync(), Is.EqualTo(sender.Packets));
    }

    [Test]
    public async Task Sending_allocates_nothing()
    {
        using ServerProcess server = await ServerProcess.StartAsync(Programs.InTests(Contestants.Floor));
        using FloorSender sender = FloorSender.Open(server.Port, Load(10, 64));
        sender.Send(Briefly);
        long packets = sender.Packets;
        long before = GC.GetAllocatedBytesForCurrentThread();

        sender.Send(Briefly);

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
        Assert.That(sender.Packets, Is.GreaterThan(packets));
    }

    [Test]
    public void Missing_server_refuses()
    {
        using Socket listener = Listener();
        int port = ((IPEndPoint)listener.LocalEndPoint!).Port;
        listener.Close();

        Assert.That(() => FloorSender.Open(port, Load(1, 1)), Throws.InstanceOf<SocketException>());
    }

    [Test]
    public void Server_that_resets_ends_the_sending()
    {
        using Socket listener = Listener();
        using FloorSender sender = FloorSender.Open(((IPEndPoint)listener.LocalEndPoint!).Port, Load(1, 1));
        using (Socket accepted = listener.Accept())
        {
            accepted.LingerState = new LingerOption(true, 0);
        }

        Assert.That(() => sender.Send(TimeSpan.FromSeconds(20)), Throws.InstanceOf<IOException>());
    }

    private static Workload Load(int connections, int packetsPerWrite) =>
        new("", connections, packetsPerWrite, PayloadBytes: 25, WritesPerSecond: 0);

    private static Socket Listener()
    {
        var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        return listener;
    }
}
