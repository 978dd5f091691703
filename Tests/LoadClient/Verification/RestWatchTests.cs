using DotNettyFraming.LoadClient.Verification;
using static DotNettyFraming.LoadClient.Verification.ServerStatistics;

namespace DotNettyFraming.Tests.LoadClient.Verification;

public sealed class RestWatchTests
{
    private static readonly ServerStatistics Hundred = SampleStatistics.After(100);

    [Test]
    public void Two_readings_alike_are_rest_once_everything_has_come()
    {
        RestWatch watch = Due(100);

        Assert.That(watch.Observe(Hundred, At(0)), Is.EqualTo("its counters were changing"), "one reading shows no standstill");
        Assert.That(watch.Observe(Hundred.With((Uptime, 101)), At(0.1)), Is.Null);
    }

    [Test]
    public void Change_restarts_the_wait()
    {
        RestWatch watch = Due(100);

        watch.Observe(Hundred, At(0));
        Assert.That(watch.Observe(SampleStatistics.After(101), At(0.1)), Is.EqualTo("its counters were changing"));
        Assert.That(watch.Observe(SampleStatistics.After(101), At(0.2)), Is.Null);
    }

    [Test]
    public void Packets_pending_are_no_rest_however_long_nothing_changes()
    {
        RestWatch watch = Due(100);
        ServerStatistics slow = SampleStatistics.After(100, pending: 7);

        Assert.That(
            Enumerable.Range(0, 100).Select(second => watch.Observe(slow, At(second))),
            Is.All.EqualTo("packets received and not yet processed: 7"));
    }

    [Test]
    public void Dropped_packets_are_not_waited_for()
    {
        RestWatch watch = Due(100);

        watch.Observe(SampleStatistics.After(100, dropped: 7), At(0));
        Assert.That(watch.Observe(SampleStatistics.After(100, dropped: 7), At(0.1)), Is.Null, "nothing to wait for: all have come");
    }

    [Test]
    public void Books_that_do_not_balance_are_no_rest()
    {
        RestWatch watch = Due(100);
        ServerStatistics broken = Hundred.With((BytesReceived, 3201));

        watch.Observe(broken, At(0));
        Assert.That(
            watch.Observe(broken, At(9)),
            Is.EqualTo("bytes.received is 3201, and 7 × packets.received + payload + discarded + unfinished is 3200"));
        Assert.That(
            watch.Observe(Hundred.With((PacketsProcessed, 101)), At(10)),
            Is.EqualTo("packets processed or dropped without having been received: 1"));
    }

    [TestCase(101, 3200)]
    [TestCase(100, 3201)]
    public void Where_less_has_come_than_must_rest_takes_longer(long packetsDue, long bytesDue)
    {
        var watch = new RestWatch(packetsDue, bytesDue);

        watch.Observe(SampleStatistics.After(50), At(0));
        watch.Observe(Hundred, At(10));
        Assert.That(
            watch.Observe(Hundred, At(10.1)),
            Does.StartWith("less has arrived than was sent, and the counters have not been constant for 3s"));
        Assert.That(
            watch.Observe(Hundred, At(13) - TimeSpan.FromTicks(1)),
            Is.Not.Null,
            "counted from the last change, not from the first reading");
        Assert.That(watch.Observe(Hundred, At(13)), Is.Null);
    }

    private static RestWatch Due(long packets) => new(packets, packets * SampleStatistics.PacketBytes);

    private static TimeSpan At(double seconds) => TimeSpan.FromSeconds(seconds);
}
