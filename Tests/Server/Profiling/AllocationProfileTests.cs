using System.Diagnostics;
using System.Runtime.CompilerServices;
using DotNettyFraming.Server.Profiling;
using DotNettyFraming.Tests.Harness;

namespace DotNettyFraming.Tests.Server.Profiling;

/// <summary>Recordings of where this process allocates, and how much.</summary>
[CancelAfter(120_000)]
[Category("Slow")]
public sealed class AllocationProfileTests
{
    private static readonly string Site = $"{typeof(AllocationProfileTests).FullName}.Allocate";

    private static object? _kept;

    /// <summary>Sizes below, near and above the mean sampling distance; about 1 GB is allocated of each.</summary>
    [TestCase(1000, 1_000_000)]
    [TestCase(100_000, 10_000)]
    [TestCase(1_000_000, 1_000)]
    public async Task Known_site_is_on_top_and_within_15_percent(int length, int count)
    {
        PprofFile profile = await RecordAsync(() => Allocate(length, count));

        (long objects, long bytes) = profile.Flat(Site);
        Assert.Multiple(() =>
        {
            Assert.That(profile.Top, Is.EqualTo(Site));
            Assert.That(objects, Is.EqualTo(count).Within(15).Percent);
            Assert.That(bytes, Is.EqualTo((length + 24.0) * count).Within(15).Percent);
        });
    }

    [Test]
    public async Task Known_site_has_its_file_line_callers_and_type()
    {
        PprofFile profile = await RecordAsync(() => Allocate(1000, 300_000));

        PprofFile.Sampled[] samples = [.. profile.Samples.Where(sample => sample.Stack[0] == Site)];
        Assert.That(samples, Is.Not.Empty);
        Assert.That(samples, Has.All.Matches<PprofFile.Sampled>(sample =>
            sample!.File.EndsWith("/AllocationProfileTests.cs", StringComparison.Ordinal)
            && sample.Line == LineOfSite && sample.Type == "System.Byte[]"),
            () => string.Join('\n', samples.Select(sample => $"{sample} expected {LineOfSite}")));
        Assert.That(samples[0].Stack, Has.Some.StartsWith($"{typeof(AllocationProfileTests).FullName}+"), "the lambda that calls it");
    }

    [Test]
    public async Task File_describes_itself()
    {
        DateTimeOffset before = DateTimeOffset.UtcNow;
        PprofFile profile = await RecordAsync(() => Allocate(1000, 100_000));

        Assert.Multiple(() =>
        {
            Assert.That(profile.SampleTypes, Is.EqualTo(new[] { "alloc_objects/count", "alloc_space/bytes" }));
            Assert.That(profile.DefaultSampleType, Is.EqualTo("alloc_space"));
            Assert.That(profile.Period, Is.EqualTo("102400 bytes of space"));
            Assert.That(profile.Comments, Has.Some.Contains("1 byte in 102400"));
            Assert.That(
                DateTimeOffset.UnixEpoch.AddTicks(profile.Profile.TimeNanos / 100), Is.InRange(before, DateTimeOffset.UtcNow));
            Assert.That(profile.Profile.DurationNanos, Is.Positive);
            Assert.That(
                profile.Samples.SelectMany(sample => sample.Stack),
                Has.None.StartsWith("Microsoft.Diagnostics.").And.None.StartsWith("DotNettyFraming.Server.Profiling."),
                "the recording's own allocations");
        });
    }

    [Test]
    public async Task Second_request_is_refused_as_busy()
    {
        using var enough = new CancellationTokenSource();
        Task<ProfileResult> first = AllocationProfile.RecordAsync(AllocationProfile.Longest, enough.Token);

        ProfileResult second = await AllocationProfile.RecordAsync(TimeSpan.Zero, CancellationToken.None);
        ProfileResult heap = await HeapProfile.WriteAsync(CancellationToken.None);
        await enough.CancelAsync();

        Assert.That(async () => await first, Throws.InstanceOf<OperationCanceledException>());
        Assert.That(new[] { second.Outcome, heap.Outcome }, Has.All.EqualTo(ProfileOutcome.Busy));
        Assert.That(second.Reason, Is.Not.Empty);
        ProfileResult third = await AllocationProfile.RecordAsync(TimeSpan.Zero, CancellationToken.None);
        Assert.That(third.Outcome, Is.EqualTo(ProfileOutcome.Written), "a cancelled one has ended");
    }

    [Test]
    public async Task Request_records_for_the_requested_time()
    {
        var duration = TimeSpan.FromMilliseconds(300);
        long start = Stopwatch.GetTimestamp();

        ProfileResult result = await AllocationProfile.RecordAsync(duration, CancellationToken.None);

        Assert.That(Stopwatch.GetElapsedTime(start), Is.GreaterThanOrEqualTo(duration));
        Assert.That(TimeSpan.FromTicks(new PprofFile(result.Profile).Profile.DurationNanos / 100), Is.GreaterThanOrEqualTo(duration));
    }

    private static int LineOfSite { get; set; }

    private static async Task<PprofFile> RecordAsync(Action work)
    {
        await using AllocationRecorder recorder = await AllocationRecorder.StartAsync(CancellationToken.None);
        var thread = new Thread(() => work());
        thread.Start();
        Assert.That(thread.Join(TimeSpan.FromSeconds(60)), Is.True);
        return new PprofFile(await recorder.StopAsync());
    }

    /// <summary>Allocates arrays; not optimised, because an optimised loop and its body share one line number.</summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.NoOptimization)]
    private static void Allocate(int length, int count)
    {
        LineOfSite = ThisLine() + 3;
        for (int i = 0; i < count; i++)
        {
            _kept = new byte[length];
        }

        _kept = null;
    }

    private static int ThisLine([CallerLineNumber] int line = 0) => line;
}
