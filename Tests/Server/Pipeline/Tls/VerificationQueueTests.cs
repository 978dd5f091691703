using System.Net;
using DotNettyFraming.Server.Pipeline.Tls;
using DotNettyFraming.Tests.Harness;

namespace DotNettyFraming.Tests.Server.Pipeline.Tls;

[CancelAfter(30_000)]
public sealed class VerificationQueueTests
{
    private static readonly IPAddress Attacker = IPAddress.Parse("192.0.2.1");
    private static readonly IPAddress Other = IPAddress.Parse("192.0.2.2");
    private static readonly IPAddress Third = IPAddress.Parse("::ffff:192.0.2.3");

    [Test]
    public void Addresses_take_turns_however_many_steps_one_has()
    {
        var queue = new VerificationQueue(maxRunning: 1);
        using var started = new ManualResetEventSlim();
        using var released = new ManualResetEventSlim();
        List<string> order = [];
        queue.Add(Attacker, () =>
        {
            started.Set();
            released.Wait(Peer.Patience);
            order.Add("a");
        });
        Assert.That(started.Wait(Peer.Patience), Is.True);
        using var done = new CountdownEvent(52);
        for (int i = 0; i < 50; i++)
        {
            Add(Attacker, "a");
        }

        Add(Other, "b");
        Add(Third, "c");
        released.Set();

        Assert.That(done.Wait(Peer.Patience), Is.True);
        Assert.That(order.Take(4), Is.EqualTo(new[] { "a", "b", "c", "a" }));
        Assert.That(order, Has.Count.EqualTo(53));

        void Add(IPAddress address, string name) => queue.Add(address, () =>
        {
            order.Add(name);
            done.Signal();
        });
    }

    [Test]
    public void One_address_has_one_step_running_and_all_have_the_maximum()
    {
        var queue = new VerificationQueue(maxRunning: 2);
        using var released = new ManualResetEventSlim();
        using var done = new CountdownEvent(30);
        int attackers = 0, all = 0, mostAttackers = 0, most = 0;
        for (int i = 0; i < 10; i++)
        {
            Add(Attacker);
            Add(Other);
            Add(Third);
        }

        Eventually.That(() => Volatile.Read(ref all), Is.EqualTo(2));
        released.Set();
        Assert.That(done.Wait(Peer.Patience), Is.True);
        Assert.That((mostAttackers, most), Is.EqualTo((1, 2)));

        void Add(IPAddress address) => queue.Add(address, () =>
        {
            bool isAttacker = address.Equals(Attacker);
            InterlockedMax(ref mostAttackers, isAttacker ? Interlocked.Increment(ref attackers) : 0);
            InterlockedMax(ref most, Interlocked.Increment(ref all));
            released.Wait(Peer.Patience);
            Interlocked.Add(ref attackers, isAttacker ? -1 : 0);
            Interlocked.Decrement(ref all);
            done.Signal();
        });
    }

    private static void InterlockedMax(ref int most, int value)
    {
        for (int seen = Volatile.Read(ref most); value > seen; seen = Volatile.Read(ref most))
        {
            Interlocked.CompareExchange(ref most, value, seen);
        }
    }
}
