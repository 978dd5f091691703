using DotNettyFraming.Server.Admin;
using Microsoft.Extensions.Time.Testing;

namespace DotNettyFraming.Tests.Server.Admin;

public sealed class PacingTests
{
    private readonly FakeTimeProvider _time = new();

    [Test]
    public void Burst_passes_and_the_next_call_waits()
    {
        var pacing = new Pacing(perSecond: 10, burst: 3, _time);

        double[] waits = [.. Enumerable.Range(0, 5).Select(_ => Math.Max(0, pacing.Reserve().TotalSeconds))];

        Assert.That(waits, Is.EqualTo(new[] { 0, 0, 0, 0.1, 0.2 }).Within(1e-9));
    }

    [Test]
    public void Pause_restores_the_burst_and_no_more()
    {
        var pacing = new Pacing(perSecond: 10, burst: 3, _time);
        for (int i = 0; i < 10; i++)
        {
            pacing.Reserve();
        }

        _time.Advance(TimeSpan.FromSeconds(60));

        Assert.That(Enumerable.Range(0, 4).Select(_ => pacing.Reserve() > TimeSpan.Zero), Is.EqualTo(new[] { false, false, false, true }));
    }

    [Test]
    public async Task Turn_comes_with_the_clock()
    {
        var pacing = new Pacing(perSecond: 10, burst: 1, _time);
        await pacing.TurnAsync(CancellationToken.None);
        Task second = pacing.TurnAsync(CancellationToken.None).AsTask();

        _time.Advance(TimeSpan.FromMilliseconds(99));
        Assert.That(second.IsCompleted, Is.False);
        _time.Advance(TimeSpan.FromMilliseconds(1));
        await second.WaitAsync(TimeSpan.FromSeconds(20));
    }

    [Test]
    public void Cancelled_turn_is_given_back()
    {
        var pacing = new Pacing(perSecond: 10, burst: 1, _time);
        pacing.Reserve();
        for (int i = 0; i < 1000; i++)
        {
            using var gone = new CancellationTokenSource();
            Task waiting = pacing.TurnAsync(gone.Token).AsTask();
            gone.Cancel();
            Assert.That(async () => await waiting, Throws.InstanceOf<OperationCanceledException>());
        }

        Assert.That(pacing.Reserve().TotalSeconds, Is.EqualTo(0.1).Within(1e-9));
    }
}
