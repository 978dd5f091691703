using DotNettyFraming.LoadClient.Abuse;
using Microsoft.Extensions.Time.Testing;

namespace DotNettyFraming.Tests.LoadClient.Abuse;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class AttackPaceTests
{
    private static readonly TimeSpan OneSecond = TimeSpan.FromSeconds(1);

    private readonly FakeTimeProvider _clock = new();

    [Test]
    public void Peers_that_connect_once_may_start_together_and_end_the_attack()
    {
        AttackPace pace = Begin(new AbuseOptions { Kind = AbuseKind.HalfPacket, Connections = 5 }, OneSecond);

        Assert.That(BeginAll(pace, alive: 0), Is.EqualTo(5));
        Assert.That(pace.IsOver, Is.True);
        Assert.That(pace.MayStart(alive: 0), Is.Zero, "none comes again");
    }

    [Test]
    public void Peers_that_connect_once_do_not_start_after_the_attacks_time()
    {
        AttackPace pace = Begin(new AbuseOptions { Kind = AbuseKind.HalfPacket, Connections = 5 }, OneSecond);
        pace.Started();
        _clock.Advance(OneSecond - TimeSpan.FromTicks(1));
        Assert.That((pace.MayStart(1), pace.IsOver), Is.EqualTo((4, false)));

        _clock.Advance(TimeSpan.FromTicks(1));

        Assert.That((pace.MayStart(1), pace.IsOver), Is.EqualTo((0, true)));
    }

    [Test]
    public void Flood_fills_up_to_its_number_as_long_as_the_attack_lasts()
    {
        AttackPace pace = Begin(new AbuseOptions { Kind = AbuseKind.ConnectFlood, Connections = 5 }, OneSecond);
        Assert.That(BeginAll(pace, alive: 0), Is.EqualTo(5));
        Assert.That(pace.MayStart(alive: 5), Is.Zero);
        Assert.That(BeginAll(pace, alive: 2), Is.EqualTo(3));
        Assert.That(pace.IsOver, Is.False);

        _clock.Advance(OneSecond);

        Assert.That((pace.MayStart(0), pace.IsOver), Is.EqualTo((0, true)));
    }

    [Test]
    public void Flood_tries_those_that_failed_again_at_the_next_tick_only()
    {
        AttackPace pace = Begin(new AbuseOptions { Kind = AbuseKind.ConnectFlood, Connections = 5 }, OneSecond);
        for (int i = 0; i < 3; i++)
        {
            pace.Failed();
        }

        Assert.That(pace.MayStart(alive: 0), Is.EqualTo(2));
        pace.Tick();
        Assert.That(pace.MayStart(alive: 0), Is.EqualTo(5));
    }

    [Test]
    public void Rate_makes_each_due_at_its_moment_and_as_many_as_the_time_holds()
    {
        AttackPace pace = Begin(new AbuseOptions { Kind = AbuseKind.BadPrefix, RatePerSecond = 4 }, OneSecond);
        Assert.That(BeginAll(pace, alive: 0), Is.EqualTo(1), "the first immediately");

        _clock.Advance(TimeSpan.FromMilliseconds(250) - TimeSpan.FromTicks(1));
        Assert.That(BeginAll(pace, alive: 0), Is.Zero);
        _clock.Advance(TimeSpan.FromTicks(1));
        Assert.That(BeginAll(pace, alive: 0), Is.EqualTo(1));
        _clock.Advance(TimeSpan.FromMilliseconds(500));
        Assert.That(BeginAll(pace, alive: 0), Is.EqualTo(2), "what the timer's grain made late is caught up with");
        _clock.Advance(TimeSpan.FromMilliseconds(250));

        Assert.That(BeginAll(pace, alive: 0), Is.Zero, "a second holds four");
        Assert.That((pace.IsOver, pace.HeldBack), Is.EqualTo((true, 0)));
    }

    [Test]
    public void Rate_holds_back_what_is_due_while_as_many_are_open_as_may_be()
    {
        AttackPace pace = Begin(new AbuseOptions { Kind = AbuseKind.BadPrefix, Connections = 3, RatePerSecond = 100 }, OneSecond);
        _clock.Advance(TimeSpan.FromMilliseconds(95));

        Assert.That(BeginAll(pace, alive: 1), Is.EqualTo(2));
        Assert.That(pace.HeldBack, Is.EqualTo(8));
        Assert.That(BeginAll(pace, alive: 0), Is.Zero, "they are not made up for");
        _clock.Advance(OneSecond);
        BeginAll(pace, alive: 3);
        Assert.That((pace.IsOver, pace.HeldBack), Is.EqualTo((true, 98)));
    }

    [Test]
    public void Rate_gives_up_what_is_a_second_late_and_so_comes_to_an_end()
    {
        AttackPace pace = Begin(new AbuseOptions { Kind = AbuseKind.BadPrefix, Connections = 1000, RatePerSecond = 10 }, 3 * OneSecond);
        _clock.Advance(1.55 * OneSecond);
        Assert.That(pace.MayStart(alive: 0), Is.EqualTo(10), "16 were due, 6 of them more than a second ago");
        Assert.That(pace.HeldBack, Is.EqualTo(6));

        _clock.Advance(2.5 * OneSecond);

        Assert.That(pace.MayStart(alive: 0), Is.Zero);
        Assert.That((pace.IsOver, pace.HeldBack), Is.EqualTo((true, 30)));
    }

    [TestCase(null)]
    [TestCase(10)]
    public void Stopped_attack_is_over(int? rate)
    {
        AttackPace pace = Begin(new AbuseOptions { Kind = AbuseKind.BadPrefix, RatePerSecond = rate }, 3 * OneSecond);
        _clock.Advance(OneSecond);

        pace.Stop();
        _clock.Advance(OneSecond);

        Assert.That((pace.IsOver, pace.MayStart(0), pace.Elapsed), Is.EqualTo((true, 0, OneSecond)));
    }

    private AttackPace Begin(AbuseOptions options, TimeSpan attackFor)
    {
        var pace = new AttackPace(options, _clock);
        pace.Begin(attackFor);
        return pace;
    }

    private static int BeginAll(AttackPace pace, int alive)
    {
        int may = pace.MayStart(alive);
        for (int i = 0; i < may; i++)
        {
            pace.Started();
        }

        return may;
    }
}
