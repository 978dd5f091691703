using DotNettyFraming.Server.Storage;
using Microsoft.Extensions.Time.Testing;

namespace DotNettyFraming.Tests.Server.Storage;

/// <summary>Starts on the store of a crashed server and on damaged files.</summary>
public sealed class StoreRecoveryTests
{
    [Test]
    public void Unclean_stop_loses_nothing()
    {
        using var directory = new TemporaryDirectory();
        using var copy = Crashed(directory.Path, packets: 50);

        using (var rig = new StoreRig(copy.Path))
        {
            Assert.That(rig.Logger.Lines.Select(line => line.Message), Has.Some.Contains("was recovered after an unclean stop"));
            Assert.That(rig.Warnings, Is.Empty);
        }

        Assert.That(StoreRig.Export(copy.Path), Has.Length.EqualTo(50));
        Assert.That(StoreRig.Verify(copy.Path).ExitCode, Is.Zero);
        Assert.That(Directory.GetFiles(copy.Path, "*-wal"), Is.Empty);
    }

    [Test]
    public void Torn_last_transaction_is_dropped_and_nothing_else()
    {
        using var directory = new TemporaryDirectory();
        using var copy = Crashed(directory.Path, packets: 50);
        using (FileStream wal = File.OpenWrite(Wal(copy.Path)))
        {
            wal.SetLength(wal.Length - 100);
        }

        using (var rig = new StoreRig(copy.Path))
        {
            Assert.That(rig.Warnings, Is.Empty);
        }

        Assert.That(StoreRig.Export(copy.Path), Has.Length.EqualTo(49));
        Assert.That(StoreRig.Verify(copy.Path).ExitCode, Is.Zero);
    }

    [TestCase(0.5, TestName = "Flipped_bit_in_the_middle_of_a_WAL_is_reported_and_a_copy_kept")]
    [TestCase(0, TestName = "Flipped_bit_in_the_header_of_a_WAL_is_reported_and_a_copy_kept")]
    public void Flipped_bit_in_a_WAL(double at)
    {
        using var directory = new TemporaryDirectory();
        using var copy = Crashed(directory.Path, packets: 50);
        long length = new FileInfo(Wal(copy.Path)).Length;
        FlipBit(Wal(copy.Path), (long)(length * at) + 20);

        using (var rig = new StoreRig(copy.Path))
        {
            Assert.That(rig.Warnings.Single(), Does.Match(
                @"the WAL of \d+\.db is damaged: \d+ of \d+ frames were recovered; a copy is in .*/set-aside/"));
        }

        Assert.That(new FileInfo(Directory.GetFiles(Path.Combine(copy.Path, "set-aside"), "*-wal").Single()).Length, Is.EqualTo(length));
        Assert.That(StoreRig.Export(copy.Path), Has.Length.LessThan(50));
        Assert.That(StoreRig.Verify(copy.Path).ExitCode, Is.EqualTo(3));
    }

    [Test]
    public void Damaged_and_missing_segments_are_set_aside_and_reported()
    {
        using var directory = new TemporaryDirectory();
        var peer = new StoredPeer(1);
        using (var rig = new StoreRig(directory.Path, rules => rules with { SegmentBytes = 1 }))
        {
            for (int i = 0; i < 4; i++)
            {
                rig.Store(peer, $"packet {i}");
            }
        }

        File.Delete(SegmentPath(directory.Path, 1));
        using (FileStream truncated = File.OpenWrite(SegmentPath(directory.Path, 2)))
        {
            truncated.SetLength(8192);
        }

        using (var rig = new StoreRig(directory.Path))
        {
            Assert.That(rig.Warnings, Is.EqualTo(new[]
            {
                "store: 0000000000000000002.db is damaged (it has 8192 of 20480 bytes); it is in "
                    + $"{directory.Path}/set-aside/0000000000000000002.db",
                "store: 0000000000000000001.db is missing",
            }));
            Assert.That(rig.Logger.Lines.Last().Message, Does.EndWith("2 segments, next chunk 4294967298, 2 findings above"));
        }

        Assert.That(StoreRig.Export(directory.Path), Has.Length.EqualTo(2));
        (int exitCode, string[] lines) = StoreRig.Verify(directory.Path);
        Assert.That(exitCode, Is.EqualTo(3));
        Assert.That(lines, Has.Some.Contains("connection 1: packet 3 follows, expected 1"));
        Assert.That(lines, Has.Some.Contains("set-aside/0000000000000000002.db was set aside"));
    }

    [Test]
    public void Chunk_numbers_go_on_behind_a_lost_last_segment()
    {
        using var directory = new TemporaryDirectory();
        using (var rig = new StoreRig(directory.Path))
        {
            rig.Store(new StoredPeer(1), "lost");
        }

        File.WriteAllText(SegmentPath(directory.Path, 0), new string('x', 200));
        using (var rig = new StoreRig(directory.Path))
        {
            rig.Store(new StoredPeer(2), "new");
        }

        Assert.That(File.Exists(SegmentPath(directory.Path, 1L << 32)), Is.True);
    }

    [Test]
    public void Flipped_bit_in_packets_is_found_by_verify_and_export()
    {
        using var directory = new TemporaryDirectory();
        using (var rig = new StoreRig(directory.Path))
        {
            rig.Store(new StoredPeer(1), new string('x', 60_000));
        }

        FlipBit(SegmentPath(directory.Path, 0), new FileInfo(SegmentPath(directory.Path, 0)).Length - 2000);

        string finding = "0000000000000000000.db: chunk 0 is damaged: its checksum differs";
        Assert.That(StoreRig.Verify(directory.Path).Lines, Has.Some.EqualTo(finding));
        Assert.That(StoreRig.Export(directory.Path), Is.Empty);
    }

    [Test]
    public void Segment_without_its_WAL_is_reported_and_its_chunk_numbers_left_out()
    {
        using var directory = new TemporaryDirectory();
        using var copy = Crashed(directory.Path, packets: 50);
        File.Delete(Wal(copy.Path));

        using var rig = new StoreRig(copy.Path);

        Assert.That(rig.Warnings, Is.EqualTo(new[]
        {
            "store: 0000000000000000000.db was not closed, and its WAL is missing: its last packets may be missing",
        }));
        Assert.That(rig.Logger.Lines.Last().Message, Does.Contain("next chunk 4294967296"));
    }

    [Test]
    public void Files_of_others_are_left_alone_and_leftovers_deleted()
    {
        using var directory = new TemporaryDirectory();
        string[] names = ["notes.db-old", "backup.db.gz", "0000000000000000007.db-wal", "0000000000000000007.db.bak"];
        foreach (string name in names)
        {
            File.WriteAllText(Path.Combine(directory.Path, name), "");
        }

        using var rig = new StoreRig(directory.Path);

        Assert.That(
            names.Where(name => File.Exists(Path.Combine(directory.Path, name))),
            Is.EqualTo(new[] { "notes.db-old", "backup.db.gz", "0000000000000000007.db.bak" }));
    }

    [Test]
    public void Clock_that_was_set_back_does_not_close_chunks_before_older_ones()
    {
        using var directory = new TemporaryDirectory();
        var time = new FakeTimeProvider(DateTimeOffset.UnixEpoch.AddDays(20_000));
        var peer = new StoredPeer(1);
        using (var rig = new StoreRig(directory.Path, time: time))
        {
            rig.Store(peer, "a");
        }

        using (new StoreRig(directory.Path, time: time))
        {
            // A run without packets leaves no segment.
        }

        using (var rig = new StoreRig(directory.Path, time: new FakeTimeProvider(DateTimeOffset.UnixEpoch.AddDays(19_999))))
        {
            rig.Store(peer, "b");
        }

        Assert.That(StoreRig.Verify(directory.Path), Is.EqualTo((0, new[] { StoreRig.Verify(directory.Path).Lines[^1] })));
    }

    [Test]
    public void Export_goes_on_behind_a_segment_with_damaged_pages()
    {
        using var directory = new TemporaryDirectory();
        var peer = new StoredPeer(1);
        using (var rig = new StoreRig(directory.Path, rules => rules with { SegmentBytes = 1 }))
        {
            rig.Store(peer, "first");
            rig.Store(peer, "second");
        }

        using (FileStream file = File.OpenWrite(SegmentPath(directory.Path, 0)))
        {
            file.Position = 4 * 4096; // the root page of the chunks, after the pages of the schema
            file.Write(new byte[4096]);
        }

        Assert.That(StoreRig.Export(directory.Path), Has.Exactly(1).Contains("second").And.Exactly(1).Items);
        Assert.That(StoreRig.Verify(directory.Path).Lines, Has.Some.StartsWith("0000000000000000000.db: "));
    }

    [Test]
    public void Retention_sets_a_damaged_segment_aside_and_skips_a_missing_one()
    {
        using var directory = new TemporaryDirectory();
        var time = new FakeTimeProvider(DateTimeOffset.UnixEpoch.AddDays(20_000));
        var peer = new StoredPeer(1);
        using (var rig = new StoreRig(
            directory.Path, rules => rules with { SegmentBytes = 1, Retain = TimeSpan.FromHours(1) }, time))
        {
            for (int i = 0; i < 4; i++)
            {
                rig.Store(peer, $"packet {i}");
            }

            File.Delete(SegmentPath(directory.Path, 1));
            File.WriteAllText(SegmentPath(directory.Path, 2), new string('x', 200));
            for (int minute = 0; minute < 70; minute++)
            {
                time.Advance(TimeSpan.FromMinutes(1));
                rig.Store(peer, "next");
            }

            Assert.That(rig.Failed.IsCompleted, Is.False);
            Assert.That(rig.Warnings, Is.EqualTo(new[]
            {
                "store: 0000000000000000001.db is missing",
                $"store: 0000000000000000002.db is damaged ({directory.Path}/0000000000000000002.db: "
                    + "file is not a database (26, errno 0)); "
                    + $"it is in {directory.Path}/set-aside/0000000000000000002.db",
            }));
        }

        Assert.That(StoreRig.Export(directory.Path), Has.Some.Contains("next"));
    }

    [Test]
    public void Store_without_its_list_is_rebuilt_from_the_segments()
    {
        using var directory = new TemporaryDirectory();
        using (var rig = new StoreRig(directory.Path))
        {
            rig.Store(new StoredPeer(1), "a");
        }

        File.Delete(Path.Combine(directory.Path, "store.json"));
        using (var rig = new StoreRig(directory.Path, rules => rules with { Node = null }))
        {
            Assert.That(rig.Warnings.Single(), Does.EndWith(".db is not in store.json; it is used"));
            Assert.That(rig.Logger.Lines.Last().Message, Does.Contain("of node test: 1 segments, next chunk 1"));
        }
    }

    [Test]
    public void Store_of_another_format_is_refused()
    {
        using var directory = new TemporaryDirectory();
        File.WriteAllText(Path.Combine(directory.Path, "store.json"), """{"format":2,"store":"x","node":"test"}""");

        Assert.That(() => new StoreRig(directory.Path), Throws.TypeOf<StoreException>()
            .With.Message.Contains("has format 2; this version reads format 1"));
    }

    [Test]
    public void Segment_that_a_reader_keeps_open_is_closed_later()
    {
        using var directory = new TemporaryDirectory();
        var peer = new StoredPeer(1);
        using (var rig = new StoreRig(directory.Path, rules => rules with { SegmentBytes = 1 }))
        {
            rig.Store(peer, "a");
            using (var reader = new StoreReader(directory.Path))
            {
                Assert.That(reader.NextOfLaterSegment(), Is.Not.Null);
                rig.Store(peer, "b");
            }
        }

        Assert.That(Directory.GetFiles(directory.Path, "*-wal"), Is.Empty);
        Assert.That(StoreRig.Export(directory.Path), Has.Length.EqualTo(2));
    }

    /// <summary>Returns a copy of a store that is being written, as a crash would leave it.</summary>
    private static TemporaryDirectory Crashed(string directory, int packets)
    {
        using var rig = new StoreRig(directory);
        var peer = new StoredPeer(1);
        for (int i = 0; i < packets; i++)
        {
            rig.Store(peer, $"packet {i}");
        }

        var copy = new TemporaryDirectory();
        foreach (string file in Directory.GetFiles(directory).Where(file => Path.GetFileName(file) != "lock" && !file.EndsWith("-shm")))
        {
            File.Copy(file, Path.Combine(copy.Path, Path.GetFileName(file)));
        }

        return copy;
    }

    private static string Wal(string directory) => Directory.GetFiles(directory, "*-wal").Single();

    private static string SegmentPath(string directory, long first) => Path.Combine(directory, $"{first:D19}.db");

    private static void FlipBit(string path, long at)
    {
        using FileStream file = File.Open(path, FileMode.Open);
        file.Position = at;
        int value = file.ReadByte();
        file.Position = at;
        file.WriteByte((byte)(value ^ 1));
    }
}
