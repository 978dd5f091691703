using DotNetty.Common.Concurrency;
using DotNettyFraming.LoadClient.Abuse;
using Microsoft.Extensions.Time.Testing;

namespace DotNettyFraming.Tests.LoadClient.Abuse;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class PauseWheelTests
{
    private readonly FakeTimeProvider _clock = new();
    private readonly PauseWheel _wheel;

    public PauseWheelTests() => _wheel = new PauseWheel(_clock);

    [Test]
    public void Peers_go_on_at_moments_of_their_own_each_once_a_second()
    {
        Pausing[] peers = [.. Enumerable.Range(0, 2 * PauseWheel.Slots).Select(number => new Pausing(_wheel, number))];

        for (int moment = 1; moment <= PauseWheel.Slots; moment++)
        {
            Turn(PauseWheel.Step);
            Assert.That(peers.Sum(peer => peer.Runs), Is.EqualTo(2 * moment));
        }

        Assert.That(peers.Select(peer => peer.Runs), Is.All.EqualTo(1));
        Turn(TimeSpan.FromSeconds(1));
        Assert.That(peers.Select(peer => peer.Runs), Is.All.EqualTo(2));
    }

    [Test]
    public void Moment_is_not_over_before_its_time()
    {
        var peer = new Pausing(_wheel, number: 1);

        Turn(PauseWheel.Step - TimeSpan.FromTicks(1));
        Assert.That(peer.Runs, Is.Zero);
        Turn(TimeSpan.FromTicks(1));
        Assert.That(peer.Runs, Is.EqualTo(1));
    }

    [Test]
    public void Stall_of_many_seconds_is_not_made_up_for()
    {
        Pausing[] peers = [.. Enumerable.Range(0, PauseWheel.Slots).Select(number => new Pausing(_wheel, number))];

        Turn(TimeSpan.FromSeconds(7.5));

        Assert.That(peers.Select(peer => peer.Runs), Is.All.EqualTo(1));
    }

    private void Turn(TimeSpan time)
    {
        _clock.Advance(time);
        _wheel.Turn();
    }

    /// <summary>Waits again and again.</summary>
    private sealed class Pausing : IRunnable
    {
        private readonly PauseWheel _wheel;
        private readonly int _number;

        public Pausing(PauseWheel wheel, int number)
        {
            _wheel = wheel;
            _number = number;
            wheel.Add(number, this);
        }

        public int Runs { get; private set; }

        public void Run()
        {
            Runs++;
            _wheel.Add(_number, this);
        }
    }
}
