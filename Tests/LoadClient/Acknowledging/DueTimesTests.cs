using DotNettyFraming.LoadClient.Acknowledging;

namespace DotNettyFraming.Tests.LoadClient.Acknowledging;

/// <summary>Due times of unacknowledged packets take bounded memory and lose little precision.</summary>
public sealed class DueTimesTests
{
    [Test]
    public void Few_writes_keep_their_exact_due_times()
    {
        var times = new DueTimes();
        for (int i = 1; i <= 100; i++)
        {
            times.Add(end: 2 * i, due: 1000 + i);
        }

        Assert.That(Drain(times), Is.EqualTo(Enumerable.Range(1, 100).Select(i => (2L * i, 1000L + i))));
    }

    [Test]
    public void Entries_are_reused_after_acknowledgements()
    {
        var times = new DueTimes();
        for (int i = 0; i < 10_000; i++)
        {
            times.Add(i + 1, i);
            Assert.That(times.TryPeek(out long end, out long due), Is.True);
            Assert.That((end, due), Is.EqualTo((i + 1L, (long)i)));
            times.RemoveFirst();
        }

        Assert.That(times.Capacity, Is.EqualTo(4));
    }

    [TestCase(1)]
    [TestCase(7)]
    public void Writes_without_acknowledgements_take_bounded_memory(int every)
    {
        const int Writes = 100_000;
        var times = new DueTimes();
        for (int i = 0; i < Writes; i++)
        {
            times.Add(i + 1, i * (long)every);
        }

        Assert.That(times.Capacity, Is.EqualTo(256));
        AssertDueTimes(times, Writes, packet => packet * (long)every, total: Writes * (long)every);
    }

    [Test]
    public void Writes_after_a_pause_are_not_merged_with_those_before()
    {
        var times = new DueTimes();
        for (int i = 0; i < 10_000; i++)
        {
            times.Add(i + 1, DueOf(i));
        }

        AssertDueTimes(times, 10_000, DueOf, total: DueOf(9_999));

        static long DueOf(long packet) => packet < 5_000 ? packet : packet + 1_000_000;
    }

    [Test]
    public void Writes_due_together_take_one_entry()
    {
        var times = new DueTimes();
        for (int i = 0; i < 1_000; i++)
        {
            times.Add(i + 1, due: 42);
        }

        Assert.That(Drain(times).Last(), Is.EqualTo((1000L, 42L)));
    }

    private static void AssertDueTimes(DueTimes times, int packets, Func<long, long> dueOf, long total)
    {
        long packet = 0;
        foreach ((long end, long due) in Drain(times))
        {
            for (; packet < end; packet++)
            {
                Assert.That(dueOf(packet) - due, Is.InRange(0, total / 64), $"packet {packet}");
            }
        }

        Assert.That(packet, Is.EqualTo(packets));
    }

    private static List<(long End, long Due)> Drain(DueTimes times)
    {
        var drained = new List<(long, long)>();
        while (times.TryPeek(out long end, out long due))
        {
            drained.Add((end, due));
            times.RemoveFirst();
        }

        return drained;
    }
}
