using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Tests.Harness;
using Microsoft.Extensions.Time.Testing;

namespace DotNettyFraming.Tests.Server.Metrics;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ServerSamplerTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly FakeProbe _probe = new();

    [Test]
    public void Sample_is_taken_each_second_with_the_load_of_each_loop()
    {
        using var sampler = new ServerSampler(new ServerCounters(), _probe, _time);
        _probe.CpuTime = TimeSpan.FromMilliseconds(250);
        _probe.QueueLength = 7;

        _time.Advance(ServerSampler.Interval);

        ServerSample sample = sampler.After(1).Single();
        Assert.That(sample.SinceLast, Is.EqualTo(ServerSampler.Interval));
        Assert.That(sample.Loops, Is.EqualTo(new[] { new LoopSample(_probe.CpuTime, 0.25, 7), null }));
        Assert.That(sampler.Newest, Is.SameAs(sample));
    }

    [Test]
    public void Samples_of_the_last_five_minutes_are_kept()
    {
        using var sampler = new ServerSampler(new ServerCounters(), _probe, _time);

        for (int i = 0; i < ServerSampler.Kept + 10; i++)
        {
            _time.Advance(ServerSampler.Interval);
        }

        long newest = ServerSampler.Kept + 11;
        Assert.That(sampler.After(0).Select(sample => sample.Number), Is.EqualTo(Enumerable.Range(12, ServerSampler.Kept)));
        Assert.That(sampler.After(newest - 2).Select(sample => sample.Number), Is.EqualTo(new[] { newest - 1, newest }));
    }

    [Test]
    public void Connections_are_surveyed_only_while_watched()
    {
        using var sampler = new ServerSampler(new ServerCounters(), _probe, _time);
        _time.Advance(10 * ServerSampler.Interval);
        Assert.That(_probe.Surveys, Is.Zero);

        Assert.That(sampler.Watch(), Is.Null);
        _time.Advance(ServerSampler.Interval);
        Assert.That(_probe.Surveys, Is.EqualTo(1));
        Eventually.That(() => sampler.Watch()?.Survey, Is.SameAs(_probe.Survey));

        for (int i = 0; i < 20; i++)
        {
            _time.Advance(ServerSampler.Interval);
        }

        Assert.That(_probe.Surveys, Is.InRange(4, 6));
        Assert.That(sampler.Watch(), Is.Null, "an old survey is not returned");
    }

    [Test]
    public void Surveys_do_not_overlap()
    {
        _probe.Answer = new TaskCompletionSource<PeerSurvey?>().Task;
        using var sampler = new ServerSampler(new ServerCounters(), _probe, _time);

        for (int i = 0; i < 3; i++)
        {
            sampler.Watch();
            _time.Advance(ServerSampler.Interval);
        }

        Assert.That(_probe.Surveys, Is.EqualTo(1));
    }
}
