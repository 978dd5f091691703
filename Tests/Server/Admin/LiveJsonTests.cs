using System.Text.Json;
using DotNettyFraming.Server.Admin;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Tests.Server.Metrics;
using Microsoft.Extensions.Time.Testing;

namespace DotNettyFraming.Tests.Server.Admin;

public sealed class LiveJsonTests
{
    [Test]
    public void Connections_are_surveyed_only_if_requested()
    {
        var time = new FakeTimeProvider();
        var probe = new FakeProbe();
        using var sampler = new ServerSampler(new ServerCounters(), probe, time);
        var live = new LiveJson(new ServerLife(time), probe, sampler, time);

        using var document = JsonDocument.Parse(live.Write(after: 0, withPeers: false));
        time.Advance(ServerSampler.Interval);
        Assert.That(document.RootElement.GetProperty("peers").ValueKind, Is.EqualTo(JsonValueKind.Null));
        Assert.That(probe.Surveys, Is.Zero);

        live.Write(after: 0, withPeers: true);
        time.Advance(ServerSampler.Interval);
        Assert.That(probe.Surveys, Is.EqualTo(1));
    }
}
