using System.Runtime.CompilerServices;
using DotNettyFraming.Server.Profiling;
using DotNettyFraming.Tests.Harness;

namespace DotNettyFraming.Tests.Server.Profiling;

[CancelAfter(60_000)]
[Category("Slow")]
public sealed class HeapProfileTests
{
    private const int Count = 12_345;

    /// <summary>The size of an item: an object header, a method table and two longs.</summary>
    private const int ItemBytes = 8 + 8 + 16;

    [Test]
    public async Task Live_objects_are_counted_and_garbage_is_not()
    {
        Litter();
        Item[] held = [.. Enumerable.Range(0, Count).Select(_ => new Item())];
        object generic = Enumerable.Range(0, 77).Select(_ => new Generic<Item, string[]>()).ToArray();

        ProfileResult result = await HeapProfile.WriteAsync(CancellationToken.None);

        GC.KeepAlive(held);
        GC.KeepAlive(generic);
        Assert.That(result.Outcome, Is.EqualTo(ProfileOutcome.Written), result.Reason);
        var profile = new PprofFile(result.Profile);
        string name = typeof(HeapProfileTests).FullName!;
        Assert.Multiple(() =>
        {
            Assert.That(profile.Flat($"{name}+Item"), Is.EqualTo(((long)Count, (long)Count * ItemBytes)));
            Assert.That(profile.Flat($"{name}+LitterItem"), Is.EqualTo((0L, 0L)));
            Assert.That(profile.Flat($"{name}+Generic<{name}+Item,System.String[]>").Objects, Is.EqualTo(77));
            Assert.That(profile.Flat($"{name}+Item[]").Objects, Is.EqualTo(1));
            Assert.That(profile.SampleTypes, Is.EqualTo(new[] { "inuse_objects/count", "inuse_space/bytes" }));
            Assert.That(profile.DefaultSampleType, Is.EqualTo("inuse_space"));
            Assert.That(profile.Flat("System.String").Objects, Is.GreaterThan(1000));
            Assert.That(profile.Flat("System.Byte[]").Objects, Is.GreaterThan(10));
        });
    }

    [Test]
    public async Task Description_beyond_its_buffer_is_no_profile()
    {
        object[] held = [.. Enumerable.Range(0, 1_000_000).Select(_ => new Item())];

        HeapCensus census = await HeapCensus.TakeAsync(bufferMiB: 1, TimeSpan.FromSeconds(2), CancellationToken.None);

        GC.KeepAlive(held);
        Assert.That(census.IsWhole, Is.False);
        Assert.That(census.Lost, Is.Positive);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Litter() => GC.KeepAlive(Enumerable.Range(0, Count).Select(_ => new LitterItem()).ToArray());

    private sealed class Item
    {
        public long First { get; set; }

        public long Second { get; set; }
    }

    private sealed class LitterItem;

    private sealed class Generic<TKey, TValue>;
}
