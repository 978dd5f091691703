using DotNettyFraming.Server.Startup;
using Microsoft.Extensions.Time.Testing;

namespace DotNettyFraming.Tests.Server.Startup;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class MemoryReturnTests
{
    private readonly FakeTimeProvider _time = new();
    private long _received;
    private long _letGo;
    private long _compiled;
    private int _collections;

    [Test]
    public void Burst_is_followed_by_one_collection_when_it_has_been_quiet()
    {
        using MemoryReturn _ = Start();
        _letGo = MemoryReturn.WorthWhile;

        Seconds(MemoryReturn.QuietSeconds - 1, bytesEach: 0);
        Assert.That(_collections, Is.Zero);
        Seconds(1, bytesEach: 0);
        Assert.That(_collections, Is.EqualTo(1));
        Seconds(60, bytesEach: 0);

        Assert.That(_collections, Is.EqualTo(1));
    }

    [Test]
    public void Load_puts_it_off()
    {
        using MemoryReturn _ = Start();
        _letGo = MemoryReturn.WorthWhile;

        for (int i = 0; i < 10; i++)
        {
            Seconds(MemoryReturn.QuietSeconds - 1, bytesEach: MemoryReturn.LowLoad - 1);
            Seconds(1, bytesEach: MemoryReturn.LowLoad);
        }

        Assert.That(_collections, Is.Zero);
        Seconds(MemoryReturn.QuietSeconds, bytesEach: MemoryReturn.LowLoad - 1);
        Assert.That(_collections, Is.EqualTo(1));
    }

    [Test]
    public void Little_is_not_worth_it()
    {
        using MemoryReturn _ = Start();
        _letGo = MemoryReturn.WorthWhile - 1;

        Seconds(100, bytesEach: 0);

        Assert.That(_collections, Is.Zero);
    }

    [Test]
    public void Methods_compiled_are_followed_by_a_collection_too()
    {
        using MemoryReturn _ = Start();
        _compiled = MemoryReturn.WorthWhileMethods - 1;
        Seconds(60, bytesEach: 0);
        Assert.That(_collections, Is.Zero);

        _compiled++;
        Seconds(60, bytesEach: 0);

        Assert.That(_collections, Is.EqualTo(1));
    }

    private MemoryReturn Start() => new(() => (_received, _letGo, _compiled), _time, () => _collections++);

    private void Seconds(int seconds, long bytesEach)
    {
        for (int i = 0; i < seconds; i++)
        {
            _received += bytesEach;
            _time.Advance(TimeSpan.FromSeconds(1));
        }
    }
}
