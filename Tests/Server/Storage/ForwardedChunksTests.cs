using DotNettyFraming.Server.Storage;
using DotNettyFraming.Tests.Harness;
using Microsoft.Extensions.Time.Testing;

namespace DotNettyFraming.Tests.Server.Storage;

/// <summary>Retention deletes only what was forwarded, ten minutes later.</summary>
internal sealed class ForwardedChunksTests
{
    private readonly FakeTimeProvider _time = new();

    [Test]
    public void Chunk_is_deletable_ten_minutes_after_it_was_forwarded()
    {
        var chunks = new ForwardedChunks(_time);
        chunks.Advance(5);
        _time.Advance(TimeSpan.FromSeconds(599));
        Assert.That(chunks.DeletableTo, Is.EqualTo(-1));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.That(chunks.DeletableTo, Is.EqualTo(5));
    }

    [Test]
    public void Last_chunk_of_an_idle_server_becomes_deletable_too()
    {
        var chunks = new ForwardedChunks(_time);
        chunks.Advance(5);
        _time.Advance(TimeSpan.FromSeconds(1));
        chunks.Advance(6); // between two samples
        _time.Advance(TimeSpan.FromMinutes(10));
        Assert.That(chunks.DeletableTo, Is.EqualTo(5));
        _time.Advance(TimeSpan.FromMinutes(10));
        Assert.That(chunks.DeletableTo, Is.EqualTo(6));
    }

    [Test]
    public void Rewound_chunks_are_not_deletable()
    {
        var chunks = new ForwardedChunks(_time);
        chunks.Advance(9);
        _time.Advance(TimeSpan.FromMinutes(5));
        chunks.Rewind(3);
        _time.Advance(TimeSpan.FromMinutes(10));
        Assert.That(chunks.DeletableTo, Is.EqualTo(3));
    }

    [Test]
    public void Segment_stays_until_it_was_forwarded()
    {
        using var directory = new TemporaryDirectory();
        using var rig = new StoreRig(
            directory.Path, rules => rules with { SegmentBytes = 1, Retain = TimeSpan.FromMinutes(1), Forwards = true }, _time);
        var peer = new StoredPeer(1);
        rig.Store(peer, "a");
        rig.Store(peer, "b");
        _time.Advance(TimeSpan.FromHours(1));
        rig.Store(peer, "c"); // the writer checks after each commit
        rig.Store(peer, "d");
        Assert.That(StoreDirectory.Find(directory.Path).First(), Is.Zero);

        rig.Writer.Forwarded!.Advance(0);
        _time.Advance(TimeSpan.FromMinutes(10));
        rig.Store(peer, "e");
        Eventually.That(() => StoreDirectory.Find(directory.Path).First(), Is.EqualTo(1));
        _time.Advance(TimeSpan.FromHours(1));
        rig.Store(peer, "f");
        rig.Store(peer, "g");
        Assert.That(StoreDirectory.Find(directory.Path).First(), Is.EqualTo(1), "chunk 1 was not forwarded");
    }
}
