using DotNettyFraming.LoadClient.Sending;

namespace DotNettyFraming.Tests.LoadClient.Sending;

public sealed class TimetableTests
{
    private const long Second = 1_000_000_000;

    [Test]
    public void Writes_of_all_loops_are_spread_evenly()
    {
        // 1,000 packets per second, 2 per write, 4 connections on 2 loops: one write every 2 ms, one round every 8 ms.
        Timetable[] loops = [Of(start: 0, loop: 0), Of(start: 0, loop: 1)];

        IEnumerable<long> due = loops.SelectMany(loop => Enumerable.Range(0, 4).Select(write => loop.Due(write))).Order();

        Assert.That(due, Is.EqualTo(Enumerable.Range(0, 8).Select(write => write * 2_000_000L)));
    }

    [TestCase(1000, 1, 100, 10, 10_000)]
    [TestCase(3, 1, 7, 10, 30)]
    [TestCase(50_000, 64, 100, 2, 1563)] // 100,000 packets are 1,562.5 writes: the half one starts before the end
    public void Duration_holds_as_many_writes_as_the_rate_says(int rate, int packetsPerWrite, int connections, int seconds, int writes)
    {
        var timetable = Timetable.Of(17, rate, packetsPerWrite, connections, connections, 0, 1, Second);

        Assert.That(timetable.FirstFrom(17 + (seconds * Second)), Is.EqualTo(writes));
    }

    [Test]
    public void First_write_from_a_time_is_the_first_that_is_not_before_it()
    {
        Timetable timetable = Of(start: 100, loop: 1);

        for (long write = 0; write < 50; write++)
        {
            Assert.That(timetable.FirstFrom(timetable.Due(write)), Is.EqualTo(write));
            Assert.That(timetable.FirstFrom(timetable.Due(write) + 1), Is.EqualTo(write + 1));
        }

        Assert.That(timetable.FirstFrom(0), Is.Zero);
    }

    [Test]
    public void First_write_from_a_time_is_found_where_many_are_due_at_the_same()
    {
        // Each tick of a 100 ns clock covers 100 writes: those due from half a tick before it to half a tick after it.
        var timetable = Timetable.Of(0, 1_000_000_000, 1, 1, 1, 0, 1, frequency: 10_000_000);

        Assert.That(timetable.FirstFrom(1_000), Is.EqualTo(99_950));
        Assert.That((timetable.Due(99_949), timetable.Due(99_950)), Is.EqualTo((999, 1_000)));
    }

    [Test]
    public void Long_runs_do_not_drift()
    {
        var timetable = Timetable.Of(0, 300_000, 1, 1000, 1000, 0, 1, Second);
        const long Day = 86_400;

        Assert.That(timetable.Due(300_000L * Day), Is.EqualTo(Day * Second).Within(100_000));
    }

    private static Timetable Of(long start, int loop) =>
        Timetable.Of(start, packetsPerSecond: 1000, packetsPerWrite: 2, allConnections: 4, connections: 2, loop, loops: 2, Second);
}
