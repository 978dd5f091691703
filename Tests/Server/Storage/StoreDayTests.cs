using DotNettyFraming.Server.Storage;
using DotNettyFraming.Tests.Harness;
using Microsoft.Extensions.Time.Testing;

namespace DotNettyFraming.Tests.Server.Storage;

/// <summary>A store over a long time and with readers: files, memory and descriptors stay bounded.</summary>
[Category("Slow")]
[NonParallelizable]
[CancelAfter(1_200_000)]
public sealed class StoreDayTests
{
    private const long MaxWalBytes = 128L << 20;

    // A day has 1,000 segments of 86.4 s.
    [Test]
    public async Task Day_of_segments_with_a_following_export_leaves_no_files_memory_or_descriptors()
    {
        Machine.RequireLinux("/proc");
        int segments = Scale.Of(gate: 100, full: 1000);
        using var directory = new TemporaryDirectory(inMemory: true);
        var time = new FakeTimeProvider(DateTimeOffset.UnixEpoch.AddDays(20_000));
        using var stop = new CancellationTokenSource();
        using var output = new CountingStream();
        var options = new ExportOptions { Directory = directory.Path, Text = true, Follow = true };
        using var export = new ExportCommand(options, output, TextWriter.Null);
        var peer = new StoredPeer(1);
        using var rig = new StoreRig(
            directory.Path, rules => rules with { SegmentBytes = 100_000, Retain = TimeSpan.FromMinutes(30) }, time);
        Task<int> following = Task.Run(() => export.RunAsync(stop.Token));
        (int Descriptors, long Memory, int Files) warm = default;
        long largestWal = 0;
        for (int i = 1; i <= segments; i++)
        {
            time.Advance(TimeSpan.FromSeconds(86.4));
            rig.Store(peer, new string('a', 50_000), new string('b', 50_000));
            Eventually.That(() => output.Lines, Is.EqualTo(2 * i)); // else retention deletes what was not exported
            largestWal = Math.Max(largestWal, LargestWal(directory.Path));
            if (i == segments / 2)
            {
                warm = Held();
            }
        }

        (int Descriptors, long Memory, int Files) end = Held();
        await stop.CancelAsync();
        Assert.That(await following, Is.Zero);
        TestContext.Out.WriteLine($"half a day: {warm}, a day: {end}; largest WAL {largestWal} bytes");
        Assert.Multiple(() =>
        {
            Assert.That(rig.Failed.IsCompleted, Is.False);
            Assert.That(end.Descriptors, Is.LessThanOrEqualTo(warm.Descriptors + 6));
            Assert.That(end.Memory, Is.LessThan(warm.Memory + (8 << 20)));
            Assert.That(end.Files, Is.LessThanOrEqualTo(40)); // 21 segments of 30 minutes, and those being written and closed
            Assert.That(largestWal, Is.LessThanOrEqualTo(MaxWalBytes));
        });

        (int Descriptors, long Memory, int Files) Held() =>
            (Descriptors.Ours, GC.GetTotalMemory(forceFullCollection: true), Directory.GetFiles(directory.Path).Length);
    }

    [Test]
    public void Reader_with_an_open_transaction_leaves_the_WAL_below_its_bound()
    {
        using var directory = new TemporaryDirectory(inMemory: true);
        var peer = new StoredPeer(1);
        string[] packets = [.. Enumerable.Repeat(new string('x', 60_000), 16)];
        long largestWal = 0;
        using (var rig = new StoreRig(directory.Path, rules => rules with { SegmentBytes = 1L << 30 }))
        {
            rig.Store(peer, "first");
            using SqliteFile reader = SqliteFile.Open(Directory.GetFiles(directory.Path, "*.db").Single(), readOnly: true);
            using SqliteStatement statement = reader.Prepare("SELECT id FROM chunks");
            Assert.That(statement.Step(), Is.True); // and not to the end: checkpoints copy nothing behind this
            for (int i = 0; i < 250; i++)
            {
                rig.Store(peer, packets);
                largestWal = Math.Max(largestWal, LargestWal(directory.Path));
            }
        }

        TestContext.Out.WriteLine($"largest WAL {largestWal} bytes");
        Assert.That(largestWal, Is.InRange(64L << 20, MaxWalBytes));
        Assert.That(Directory.GetFiles(directory.Path, "*.db"), Has.Length.EqualTo(2));
        Assert.That(StoreRig.Verify(directory.Path).Lines.Single(), Does.Contain($" {1 + (250 * 16)} packets, "));
    }

    private static long LargestWal(string directory) =>
        new DirectoryInfo(directory).GetFiles("*-wal").Select(file => file.Exists ? file.Length : 0).DefaultIfEmpty().Max();

    /// <summary>Counts the lines that are written.</summary>
    private sealed class CountingStream : MemoryStream
    {
        private int _lines;

        public int Lines => Volatile.Read(ref _lines);

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            Volatile.Write(ref _lines, _lines + buffer.Span.Count((byte)'\n'));
            return ValueTask.CompletedTask;
        }
    }
}
