using System.Diagnostics;
using DotNettyFraming.Tests.Harness;
using DotNettyFraming.Tests.Server.Storage;
using StackExchange.Redis;

namespace DotNettyFraming.Tests.Server.Forwarding;

/// <summary>The forwarder's throughput, compared with a minimal producer of the same entries on the same Redis.</summary>
[Category("Slow")]
[NonParallelizable]
internal sealed class ForwardThroughputTests
{
    private const int Chunks = 1000;

    [TestCase(16_000)]
    public async Task Forwarder_reaches_six_tenths_of_a_minimal_producer(int payloadBytes)
    {
        Scale.RequireFull();
        using var directory = new TemporaryDirectory();
        using RedisServer redis = RedisServer.Start();
        using (var store = new StoreRig(directory.Path))
        {
            var peer = new StoredPeer(1);
            string[] payloads = [.. Enumerable.Repeat(new string('x', payloadBytes), 8)];
            for (int i = 0; i < Chunks; i++)
            {
                store.Store(peer, payloads);
            }
        }

        var ratios = new List<double>();
        for (int round = 0; round < 3; round++)
        {
            // Filled again by the next rig.
            redis.Database.KeyDelete([ForwardRig.Key, $"{ForwardRig.Key}:last", "other"]);
            double forwarded;
            long start;
            using (var rig = new ForwardRig(directory.Path, redis.Url))
            {
                Eventually.That(() => rig.Counters.Entries, Is.Positive); // connected, as the producer is
                long first = rig.Counters.Entries;
                start = Stopwatch.GetTimestamp();
                Eventually.That(() => rig.Counters.Entries, Is.EqualTo(Chunks));
                forwarded = Stopwatch.GetElapsedTime(start).TotalSeconds * Chunks / (Chunks - first);
            }

            NameValueEntry[][] entries = [.. redis.Database.StreamRange(ForwardRig.Key).Select(entry => entry.Values)];
            using ConnectionMultiplexer client = await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{redis.Port}");
            start = Stopwatch.GetTimestamp();
            await ProduceAsync(client.GetDatabase(), entries);
            double produced = Stopwatch.GetElapsedTime(start).TotalSeconds;
            ratios.Add(produced / forwarded);
            await TestContext.Out.WriteLineAsync($"forwarder {forwarded:F2} s, producer {produced:F2} s");
        }

        double median = ratios.Order().ElementAt(1);
        await TestContext.Out.WriteLineAsync($"ratio {median:F2}");
        Assert.That(median, Is.GreaterThanOrEqualTo(0.6));
    }

    /// <summary>Adds entries, 64 in flight.</summary>
    private static async Task ProduceAsync(IDatabase database, NameValueEntry[][] entries)
    {
        var inFlight = new Queue<Task<RedisValue>>();
        foreach (NameValueEntry[] entry in entries)
        {
            if (inFlight.Count == 64)
            {
                await inFlight.Dequeue();
            }

            inFlight.Enqueue(database.StreamAddAsync("other", entry));
        }

        await Task.WhenAll(inFlight);
    }
}
