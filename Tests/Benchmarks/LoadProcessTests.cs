using DotNettyFraming.Benchmarks.Comparison;
using DotNettyFraming.Benchmarks.Load;
using DotNettyFraming.Hosting;

namespace DotNettyFraming.Tests.Benchmarks;

public sealed class LoadProcessTests
{
    [Test]
    public void Time_out_is_two_minutes_beyond_the_order()
    {
        Assert.That(LoadProcess.PatienceFor(new SendOrder(1, 1, Workloads.All[0], Seconds: 120)), Is.EqualTo(TimeSpan.FromMinutes(4)));
        Assert.That(LoadProcess.PatienceFor(new ConnectOrder(1, 1, Seconds: 600)), Is.EqualTo(TimeSpan.FromMinutes(12)));
        Assert.That(LoadProcess.PatienceFor(new MemoryOrder(1, 1, 9_000, RestSeconds: 15)), Is.EqualTo(TimeSpan.FromSeconds(150)));
    }

    [Test]
    public void Comparison_without_servers_is_one_line() => Assert.That(
        async () => await Contestants.PrepareAsync([], _ => { }),
        Throws.InstanceOf<StartupException>().With.Message.EqualTo("there is no server to measure"));
}
