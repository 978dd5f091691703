using System.Collections.Concurrent;
using DotNettyFraming.Server.Forwarding;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Server.Storage;
using DotNettyFraming.Tests.Harness;
using DotNettyFraming.Tests.Server.Storage;
using StackExchange.Redis;

namespace DotNettyFraming.Tests.Server.Forwarding;

/// <summary>A store without a server, and its forwarder.</summary>
internal sealed class ForwardRig : IDisposable
{
    /// <summary>The stream's key: the node of <see cref="StoreRig"/> is <c>test</c>.</summary>
    public const string Key = "framing:{test}";

    private readonly Forwarder _forwarder;

    public ForwardRig(
        string directory, string url, Func<ForwardRules, ForwardRules>? change = null, Func<StoreRules, StoreRules>? changeStore = null)
    {
        Store = new StoreRig(directory, rules => (changeStore?.Invoke(rules) ?? rules) with { Forwards = true });
        var rules = new ForwardRules { Url = ForwardUrl.Parse(url, out _)!, Stream = "framing" };
        _forwarder = new Forwarder(
            change?.Invoke(rules) ?? rules, Store.Writer, Store.Counters, Counters, TimeProvider.System, Store.Logger)
        {
            OnForwarded = ends =>
            {
                foreach ((long connection, long end) in ends)
                {
                    Ends[connection] = end;
                }
            },
        };
        _forwarder.Start();
    }

    public StoreRig Store { get; }

    public ForwardCounters Counters { get; } = new();

    /// <summary>The position that each connection reached last.</summary>
    public ConcurrentDictionary<long, long> Ends { get; } = [];

    public IEnumerable<string> Errors => Store.Logger.Errors;

    /// <summary>Waits until everything stored is forwarded.</summary>
    public void Settle()
    {
        Eventually.That(() => Counters.LagBytes(), Is.Zero);
        Eventually.That(() => Counters.IsConnected, Is.True);
    }

    /// <summary>Asserts that the stream's entries are the store's chunks, each once, in order.</summary>
    public static void AssertEqual(string directory, IDatabase redis) => AssertEqual(directory, [.. Read(redis, Key)]);

    /// <summary>Returns a stream's entries, in pages: one reply with all of them would be too large.</summary>
    public static IEnumerable<StreamEntry> Read(IDatabase redis, string key)
    {
        RedisValue next = "-";
        while (redis.StreamRange(key, next, count: 500) is { Length: > 0 } page)
        {
            foreach (StreamEntry entry in page)
            {
                yield return entry;
            }

            next = $"({page[^1].Id}";
        }
    }

    /// <summary>Asserts that entries are the store's chunks, each once, in order.</summary>
    public static void AssertEqual(string directory, StreamEntry[] entries)
    {
        var chunks = new List<StoredChunk>();
        using var reader = new StoreReader(directory);
        while (reader.NextOfAny() is { } chunk)
        {
            chunks.Add(chunk);
        }

        Assert.That(
            entries.Select(entry => $"{entry.Id}"), Is.EqualTo(chunks.Select(chunk => $"{chunk.Closed}-{chunk.Id}")));
        foreach ((StreamEntry entry, StoredChunk chunk) in entries.Zip(chunks))
        {
            Assert.That((byte[]?)entry["bytes"], Is.EqualTo(chunk.Bytes));
            Assert.That((byte[]?)entry["parts"], Is.EqualTo(chunk.Index));
            Assert.That((long)entry["packets"], Is.EqualTo(chunk.Packets));
        }
    }

    public void Dispose()
    {
        bool isStopped = _forwarder.DisposeAsync().AsTask().Wait(Peer.Patience);
        Store.Dispose();
        Assert.That(isStopped, Is.True, "the forwarder stops");
    }
}
