using System.Net;
using System.Text.Json;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.Tests.Harness;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Server.Admin;

/// <summary>What the live page asks for, of a running server.</summary>
[TestFixture(TransportChoice.Epoll)]
[TestFixture(TransportChoice.Sockets)]
[CancelAfter(60_000)]
public sealed class LiveDataTests(TransportChoice transport)
{
    private static readonly HttpClient Http = new() { Timeout = Peer.Patience };

    [Test]
    public async Task Samples_go_on_from_the_one_that_is_known()
    {
        await using RunningServer server = await RunningServer.StartAsync(transport, admin: true);
        JsonElement first = Ask(server, "api/live");
        long newest = Samples(first)[^1].GetProperty("n").GetInt64();
        using Peer peer = await server.ConnectAsync();
        await peer.SendAsync(Glue(Repeat(Article, 5), Article[..10]));

        JsonElement later = default;
        Eventually.That(
            () => Samples(later = Ask(server, $"api/live?after={newest}"))
                .Select(sample => (sample.GetProperty("packets").GetProperty("processed").GetInt64(), sample.GetProperty("bytes").GetProperty("unfinished").GetInt64())),
            Has.Some.EqualTo((5L, 10L)));

        JsonElement sample = Samples(later)[^1];
        Assert.Multiple(() =>
        {
            Assert.That(Samples(later)[0].GetProperty("n").GetInt64(), Is.EqualTo(newest + 1));
            Assert.That(later.GetProperty("run").GetString(), Is.EqualTo(first.GetProperty("run").GetString()));
            Assert.That(later.GetProperty("phase").GetString(), Is.EqualTo("serving"));
            Assert.That(later.GetProperty("loops").EnumerateArray().Select(loop => loop.GetString()), Is.EqualTo(new[] { "0", "1", "accept" }));
            Assert.That(sample.GetProperty("bytes").GetProperty("unfinished").GetInt64(), Is.EqualTo(10));
            Assert.That(sample.GetProperty("age").EnumerateArray().Sum(count => count.GetInt64()), Is.EqualTo(sample.GetProperty("reads").GetInt64()));
            Assert.That(sample.GetProperty("memory").GetProperty("workingSet").GetInt64(), Is.Positive);
            Assert.That(
                sample.GetProperty("loops").EnumerateArray().Select(loop => loop.ValueKind),
                Has.All.EqualTo(transport == TransportChoice.Epoll ? JsonValueKind.Object : JsonValueKind.Null));
        });
    }

    [Test]
    public async Task Peers_are_found_while_they_are_looked_for()
    {
        await using RunningServer server = await RunningServer.StartAsync(transport, admin: true);
        Peer[] peers = await Task.WhenAll(Enumerable.Range(0, 25).Select(_ => server.ConnectAsync()));
        await peers[3].SendAsync(Article); // before anybody looks: not of this second

        JsonElement found = default;
        Eventually.That(() => (found = Ask(server, "api/live?after=1000000").GetProperty("peers")).ValueKind, Is.EqualTo(JsonValueKind.Object));
        Assert.That(found.GetProperty("busiest").GetArrayLength(), Is.Zero, "who is busy is known from the second survey on");
        await peers[7].SendAsync(Glue(Repeat(Article, 100), Article[..3]));
        Eventually.That(
            () => (found = Ask(server, "api/live?after=1000000").GetProperty("peers")).GetProperty("busiest").GetArrayLength(), Is.EqualTo(1));

        JsonElement[] oldest = [.. found.GetProperty("oldest").EnumerateArray()];
        JsonElement busiest = found.GetProperty("busiest").EnumerateArray().Single();
        Assert.Multiple(() =>
        {
            Assert.That(oldest.Select(peer => peer.GetProperty("id").GetInt64()), Is.EqualTo(Enumerable.Range(1, 10)));
            Assert.That(busiest.GetProperty("peer").GetString(), Is.EqualTo($"{peers[7].Socket.LocalEndPoint}".Replace("::ffff:", "").Replace("[", "").Replace("]", "")));
            Assert.That(busiest.GetProperty("packets").GetInt64(), Is.EqualTo(100));
            Assert.That(busiest.GetProperty("bytes").GetInt64(), Is.EqualTo(3203));
            Assert.That(busiest.GetProperty("bytesPerSecond").GetInt64(), Is.InRange(3203 / 3, 3203 * 10), "about a second after the survey before");
            Assert.That(busiest.GetProperty("unfinished").GetInt64(), Is.EqualTo(3));
            Assert.That(busiest.GetProperty("paused").GetBoolean(), Is.False);
        });
        Array.ForEach(peers, peer => peer.Dispose());
    }

    [TestCase("x")]
    [TestCase("-1")]
    [TestCase("99999999999999999999")]
    public async Task Number_that_is_none_is_told(string after)
    {
        await using RunningServer server = await RunningServer.StartAsync(transport, admin: true);

        using HttpResponseMessage response = await Http.GetAsync(new Uri(server.Admin, $"api/live?after={after}"));

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
    }

    private static JsonElement Ask(RunningServer server, string path)
    {
        using HttpResponseMessage response = Http.Send(new HttpRequestMessage(HttpMethod.Get, new Uri(server.Admin, path)));
        using var document = JsonDocument.Parse(response.Content.ReadAsStream());
        return document.RootElement.Clone();
    }

    private static JsonElement[] Samples(JsonElement live) => [.. live.GetProperty("samples").EnumerateArray()];
}
