using System.Net;
using System.Text.Json;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.Tests.Harness;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Server.Admin;

/// <summary>The live page's data from a running server.</summary>
[TestFixture(TransportChoice.Epoll)]
[TestFixture(TransportChoice.Sockets)]
[CancelAfter(60_000)]
public sealed class LiveDataTests(TransportChoice transport)
{
    private static readonly HttpClient Http = new() { Timeout = Peer.Patience };

    [Test]
    public async Task Samples_continue_after_the_given_number()
    {
        await using RunningServer server = await RunningServer.StartAsync(transport, admin: true);
        JsonElement first = Ask(server, "api/live");
        long newest = Samples(first)[^1].GetProperty("n").GetInt64();
        using Peer peer = await server.ConnectAsync();
        await peer.SendAsync(Glue(Repeat(Article, 5), Article[..10]));

        JsonElement later = default;
        Eventually.That(
            () => Samples(later = Ask(server, $"api/live?after={newest}"))
                .Select(sample => (Number(sample, "packets", "processed"), Number(sample, "bytes", "unfinished"))),
            Has.Some.EqualTo((5L, 10L)));

        JsonElement sample = Samples(later)[^1];
        Assert.Multiple(() =>
        {
            Assert.That(Samples(later)[0].GetProperty("n").GetInt64(), Is.EqualTo(newest + 1));
            Assert.That(later.GetProperty("run").GetString(), Is.EqualTo(first.GetProperty("run").GetString()));
            Assert.That(later.GetProperty("phase").GetString(), Is.EqualTo("serving"));
            Assert.That(
                later.GetProperty("loops").EnumerateArray().Select(loop => loop.GetString()), Is.EqualTo(new[] { "0", "1", "accept" }));
            Assert.That(Number(sample, "bytes", "unfinished"), Is.EqualTo(10));
            Assert.That(sample.GetProperty("age").EnumerateArray().Sum(count => count.GetInt64()), Is.EqualTo(Number(sample, "reads")));
            Assert.That(Number(sample, "memory", "workingSet"), Is.Positive);
            Assert.That(
                sample.GetProperty("loops").EnumerateArray().Select(loop => loop.ValueKind),
                Has.All.EqualTo(transport == TransportChoice.Epoll ? JsonValueKind.Object : JsonValueKind.Null));
        });
    }

    [Test]
    [Category("Slow")]
    public async Task Peers_are_surveyed_while_requested()
    {
        await using RunningServer server = await RunningServer.StartAsync(transport, admin: true);
        Peer[] peers = await Task.WhenAll(Enumerable.Range(0, 25).Select(_ => server.ConnectAsync()));
        await peers[3].SendAsync(Article); // before the first survey

        JsonElement found = default;
        Eventually.That(() => (found = Peers(server)).ValueKind, Is.EqualTo(JsonValueKind.Object));
        Assert.That(found.GetProperty("busiest").GetArrayLength(), Is.Zero, "rates are known from the second survey on");
        await peers[7].SendAsync(Glue(Repeat(Article, 100), Article[..3]));
        Eventually.That(() => (found = Peers(server)).GetProperty("busiest").GetArrayLength(), Is.EqualTo(1));

        string address = $"{peers[7].Socket.LocalEndPoint}".Replace("::ffff:", "").Replace("[", "").Replace("]", "");
        JsonElement[] oldest = [.. found.GetProperty("oldest").EnumerateArray()];
        JsonElement busiest = found.GetProperty("busiest").EnumerateArray().Single();
        Assert.Multiple(() =>
        {
            Assert.That(oldest.Select(peer => peer.GetProperty("id").GetInt64()), Is.EqualTo(Enumerable.Range(1, 10)));
            Assert.That(busiest.GetProperty("peer").GetString(), Is.EqualTo(address));
            Assert.That(Number(busiest, "packets"), Is.EqualTo(100));
            Assert.That(Number(busiest, "bytes"), Is.EqualTo(3203));
            Assert.That(Number(busiest, "bytesPerSecond"), Is.InRange(3203 / 3, 3203 * 10), "about 1 s after the previous survey");
            Assert.That(Number(busiest, "unfinished"), Is.EqualTo(3));
            Assert.That(busiest.GetProperty("paused").GetBoolean(), Is.False);
        });
        Array.ForEach(peers, peer => peer.Dispose());
    }

    [TestCase("x")]
    [TestCase("-1")]
    [TestCase("99999999999999999999")]
    public async Task Malformed_number_is_a_bad_request(string after)
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

    private static JsonElement Peers(RunningServer server) => Ask(server, "api/live?after=1000000").GetProperty("peers");

    private static long Number(JsonElement element, params string[] path) =>
        path.Aggregate(element, (inner, name) => inner.GetProperty(name)).GetInt64();

    private static JsonElement[] Samples(JsonElement live) => [.. live.GetProperty("samples").EnumerateArray()];
}
