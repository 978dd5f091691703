using DotNettyFraming.Server.Storage;
using DotNettyFraming.Tests.Harness;
using Microsoft.Extensions.Time.Testing;

namespace DotNettyFraming.Tests.Server.Storage;

public sealed class StoreWriterTests
{
    [Test]
    public void Stored_packets_are_exported_with_their_origin()
    {
        using var directory = new TemporaryDirectory();
        var time = new FakeTimeProvider(new DateTimeOffset(2026, 11, 28, 20, 30, 0, 123, TimeSpan.Zero));
        using (var rig = new StoreRig(directory.Path, time: time))
        {
            rig.Store(new StoredPeer(17), "hello");
        }

        Assert.That(StoreRig.Export(directory.Path), Is.EqualTo(new[]
        {
            """{"received":"2026-11-28T20:30:00.123Z","node":"test","connection":17,"peer":"192.0.2.1:5555","""
                + "\"packet\":0,\"time\":256,\"payload\":\"hello\"}",
        }));
        Assert.That(
            StoreRig.Export(directory.Path, options => options with { Text = false }).Single(), Does.Contain("\"payload\":\"aGVsbG8=\""));
        Assert.That(StoreRig.Export(directory.Path, options => options with { Format = ExportFormat.Csv }), Is.EqualTo(new[]
        {
            "received,node,connection,peer,packet,time,payload",
            "2026-11-28T20:30:00.123Z,test,17,192.0.2.1:5555,0,256,\"hello\"",
        }));
    }

    [Test]
    public void Packets_of_interleaved_connections_keep_their_order()
    {
        using var directory = new TemporaryDirectory();
        StoredPeer[] peers = [.. Enumerable.Range(0, 20).Select(id => new StoredPeer(id, $"192.0.2.{id}:1"))];
        using (var rig = new StoreRig(directory.Path))
        {
            for (int round = 0; round < 200; round++)
            {
                foreach (StoredPeer peer in peers)
                {
                    rig.Append(peer, $"{peer.Id}/{peer.Appended}", $"{peer.Id}/{peer.Appended + 1}");
                }

                rig.RunTasks();
            }

            rig.Settle(peers);
        }

        string[] lines = StoreRig.Export(directory.Path, options => options with { Connection = 7 });
        Assert.That(lines, Has.Length.EqualTo(400));
        Assert.That(lines.Select((line, i) => line.Contains($"\"packet\":{i},") && line.Contains($"\"7/{i}\"")), Has.All.True);
        Assert.That(StoreRig.Export(directory.Path, options => options with { Peer = "192.0.2.3" }), Has.Length.EqualTo(400));
        Assert.That(StoreRig.Export(directory.Path, options => options with { Limit = 3 }), Has.Length.EqualTo(3));
        Assert.That(StoreRig.Verify(directory.Path), Is.EqualTo((0, new[] { StoreRig.Verify(directory.Path).Lines[^1] })));
        Assert.That(StoreRig.Verify(directory.Path).Lines[^1], Does.Contain(" 8000 packets, ").And.EndsWith(" 0 findings"));
    }

    [Test]
    public void Packets_larger_than_a_chunk_and_full_chunks_are_stored()
    {
        using var directory = new TemporaryDirectory();
        var peer = new StoredPeer(1);
        string large = new('x', 60_000);
        using (var rig = new StoreRig(directory.Path))
        {
            for (int i = 0; i < 40; i++)
            {
                rig.Append(peer, [.. Enumerable.Repeat(large, i == 20 ? 30 : 1)]); // the batch of round 20 has 1.8 MB
            }

            rig.Settle(peer);
        }

        string[] raw = StoreRig.Export(directory.Path, options => options with { Format = ExportFormat.Raw });
        Assert.That(raw.Sum(line => (long)line.Length), Is.GreaterThanOrEqualTo(69 * 60_000));
        Assert.That(StoreRig.Verify(directory.Path).Lines.Single(), Does.Contain(" 69 packets, "));
    }

    [Test]
    public void Another_layout_starts_a_segment_and_export_reads_each_with_its_own()
    {
        using var directory = new TemporaryDirectory();
        using (var rig = new StoreRig(directory.Path))
        {
            rig.Store(new StoredPeer(1), "old");
        }

        using (var rig = new StoreRig(directory.Path, rules => rules with { Header = "26 skip:6 len:u8" }))
        {
            rig.Store(new StoredPeer(2), "\u0003new"); // behind a default header's 7 bytes, its length
        }

        Assert.That(Directory.GetFiles(directory.Path, "*.db"), Has.Length.EqualTo(2));
        Assert.That(
            StoreRig.Export(directory.Path).Select(line => line[line.IndexOf("\"time\"", StringComparison.Ordinal)..]),
            Is.EqualTo(new[] { "\"time\":256,\"payload\":\"old\"}", "\"time\":null,\"payload\":\"new\"}" }));
        Assert.That(StoreRig.Verify(directory.Path).ExitCode, Is.Zero);
    }

    [Test]
    public void Segments_end_at_their_size_and_after_an_hour()
    {
        using var directory = new TemporaryDirectory();
        var time = new FakeTimeProvider(DateTimeOffset.UnixEpoch.AddDays(20_000));
        var peer = new StoredPeer(1);
        using (var rig = new StoreRig(directory.Path, rules => rules with { SegmentBytes = 100 }, time))
        {
            rig.Store(peer, new string('a', 100));
            rig.Store(peer, "b");
            time.Advance(TimeSpan.FromHours(1));
            rig.Store(peer, "c");
        }

        Assert.That(Directory.GetFiles(directory.Path, "*.db").Select(file => new FileInfo(file).Name).Order(), Is.EqualTo(new[]
        {
            "0000000000000000000.db", "0000000000000000001.db", "0000000000000000002.db",
        }));
        Assert.That(Directory.GetFiles(directory.Path, "*-wal"), Is.Empty);
        Assert.That(StoreRig.Export(directory.Path), Has.Length.EqualTo(3));
    }

    [Test]
    public void Draining_store_commits_without_waiting_for_the_interval()
    {
        using var directory = new TemporaryDirectory();
        var peer = new StoredPeer(1);
        using var rig = new StoreRig(directory.Path, rules => rules with { CommitInterval = TimeSpan.FromMinutes(10) });
        rig.Store(peer, new string('x', 20_000)); // more than waits for the interval

        rig.Writer.Drain();

        rig.Store(peer, "a"); // the call itself may have let this one through
        rig.Store(peer, "b");
    }

    [Test]
    public void Old_segments_are_deleted_one_per_minute()
    {
        using var directory = new TemporaryDirectory();
        var time = new FakeTimeProvider(DateTimeOffset.UnixEpoch.AddDays(20_000));
        var peer = new StoredPeer(1);
        using (var rig = new StoreRig(directory.Path, rules => rules with { SegmentBytes = 1, Retain = TimeSpan.FromHours(1) }, time))
        {
            rig.Store(peer, "a");
            rig.Store(peer, "b");
            time.Advance(TimeSpan.FromMinutes(61));
            Eventually.That(Deletions, Is.EqualTo(1));
            time.Advance(TimeSpan.FromSeconds(30));
            rig.Store(peer, "c");
            rig.Store(peer, "c");
            Assert.That(Deletions(), Is.EqualTo(1));
            time.Advance(TimeSpan.FromSeconds(31));
            Eventually.That(Deletions, Is.EqualTo(2));

            int Deletions() => rig.Logger.Lines.Count(line => line.Message.Contains("deleted", StringComparison.Ordinal));
        }

        Assert.That(StoreRig.Export(directory.Path), Has.Length.EqualTo(2));
        Assert.That(StoreRig.Verify(directory.Path).ExitCode, Is.Zero);
    }

    [Test]
    public void Store_waits_at_its_largest_size_until_something_may_be_deleted()
    {
        using var directory = new TemporaryDirectory();
        var time = new FakeTimeProvider(DateTimeOffset.UnixEpoch.AddDays(20_000));
        var peer = new StoredPeer(1);
        string large = new('x', 60_000);
        using var rig = new StoreRig(
            directory.Path, rules => rules with { SegmentBytes = 100_000, MaxBytes = 400_000, Retain = TimeSpan.FromHours(1) }, time);
        while (rig.Counters.WaitsFor is null)
        {
            rig.Append(peer, large);
            Eventually.That(
                () =>
                {
                    rig.RunTasks();
                    return peer.Position == peer.Appended || rig.Counters.WaitsFor is not null;
                },
                Is.True);
        }

        Assert.That(rig.Counters.WaitsFor, Does.Contain("--store-max"));
        Assert.That(peer.Position, Is.LessThan(peer.Appended));
        time.Advance(TimeSpan.FromHours(2));
        rig.Settle(peer);

        Assert.That(rig.Counters.WaitsFor, Is.Null);
        Assert.That(rig.Counters.DiskBytes, Is.LessThanOrEqualTo(500_000));
        Assert.That(rig.Warnings.Count(line => line.Contains("cannot write for now", StringComparison.Ordinal)), Is.EqualTo(1));
    }

    [Test]
    public void Connection_numbers_do_not_repeat_after_a_restart()
    {
        using var directory = new TemporaryDirectory();
        var time = new FakeTimeProvider(DateTimeOffset.UnixEpoch.AddDays(20_000));
        long first;
        using (var rig = new StoreRig(directory.Path, time: time))
        {
            first = rig.FirstConnection;
            rig.Store(new StoredPeer(first + 100), "a");
        }

        time.SetUtcNow(time.GetUtcNow().AddMicroseconds(10));
        using var again = new StoreRig(directory.Path, time: time);
        Assert.That(first, Is.EqualTo(20_000L * 24 * 3600 * 1_000_000));
        Assert.That(again.FirstConnection, Is.EqualTo(first + 101));
    }

    [Test]
    public void Directory_belongs_to_one_process_and_one_node()
    {
        using var directory = new TemporaryDirectory();
        using (var rig = new StoreRig(directory.Path))
        {
            Assert.That(
                () => new StoreRig(directory.Path), Throws.TypeOf<StoreException>().With.Message.Contains("in use by another process"));
        }

        Assert.That(() => new StoreRig(directory.Path, rules => rules with { Node = "other" }), Throws.TypeOf<StoreException>()
            .With.Message.Contains("belongs to node 'test', not to 'other'"));
        using var unnamed = new StoreRig(directory.Path, rules => rules with { Node = null });
        Assert.That(unnamed.Logger.Lines.Last().Message, Does.Contain("of node test: "));
    }
}
