using DotNetty.Common.Concurrency;
using DotNettyFraming.LoadClient.Measuring;

namespace DotNettyFraming.LoadClient.Sending;

/// <summary>
/// <c>--rate</c>: each write when its <see cref="Timetable"/> says, or as soon after as the kernel takes it; none is skipped.
/// </summary>
/// <remarks>
/// A write that is due while its connection is stuck is owed, and its latency runs from when it was due: a server that stalls shows in the
/// latencies of all that was due meanwhile. What is owed is a number: a connection's writes are due a round apart.
/// </remarks>
internal sealed class RatePacing : IPacing, IRunnable
{
    /// <summary>A write that begins later than this is late. The loop's timer comes up to 0.1 ms late by itself.</summary>
    public static readonly TimeSpan LateAfter = TimeSpan.FromMilliseconds(1);

    /// <summary>Groups in which the latencies of unsent writes are recorded: a latency is off by a thousandth of the longest.</summary>
    private const int MostUntakenGroups = 1_000;

    private readonly LoopClock _clock;
    private readonly LoadCounters _counters;
    private readonly Action<IRunnable> _execute;
    private readonly Action<IRunnable, TimeSpan> _schedule;
    private readonly Timetable _timetable;
    private readonly Slot[] _slots;
    private readonly Dictionary<SendingHandler, Slot> _slotOf = [];
    private readonly Queue<Slot> _ready = new();
    private readonly WakeUp _wakeUp;
    private readonly long _lateAfter;
    private readonly bool _joining;
    private long _next;
    private long _end = long.MaxValue;
    private int _started;
    private bool _queued;
    private bool _waiting;

    public RatePacing(
        Timetable timetable,
        LoopClock clock,
        LoadCounters counters,
        Action<IRunnable> execute,
        Action<IRunnable, TimeSpan> schedule,
        bool joining)
    {
        _joining = joining;
        _timetable = timetable;
        _clock = clock;
        _counters = counters;
        _execute = execute;
        _schedule = schedule;
        _slots = [.. Enumerable.Range(0, timetable.Connections).Select(_ => new Slot())];
        _lateAfter = clock.InTimestamps(LateAfter);
        _wakeUp = new WakeUp(this);
    }

    public void Started(SendingHandler connection)
    {
        if (_joining && _started == 0)
        {
            _next = _timetable.FirstFrom(_clock.Look());
        }

        Slot slot = _slots[_started++];
        slot.Connection = connection;
        _slotOf[connection] = slot;
        Queue();
    }

    public void Ready(SendingHandler connection)
    {
        if (_slotOf.TryGetValue(connection, out Slot? slot))
        {
            MakeReady(slot);
            Queue();
        }
    }

    public void EndAt(long timestamp) => _end = timestamp;

    public long Owed(SendingHandler connection)
    {
        MarkDue();
        return _slotOf.TryGetValue(connection, out Slot? slot) ? slot.Owed : 0;
    }

    public long Ended(SendingHandler connection)
    {
        if (!_slotOf.Remove(connection, out Slot? slot))
        {
            return 0;
        }

        // They waited at least this long: leaving them out would flatter the server. Many are recorded in groups, by their oldest.
        long groups = Math.Min(slot.Owed, MostUntakenGroups);
        for (long group = 0; group < groups; group++)
        {
            long first = slot.Owed * group / groups;
            long next = slot.Owed * (group + 1) / groups;
            _counters.WritesUntaken(_clock.Between(OldestDue(slot) + (long)(first * _timetable.Round), _clock.Now), next - first);
        }

        slot.Connection = null;
        return slot.Owed;
    }

    /// <summary>Marks what has become due, gives as many turns as fit into one task, and sees to the next.</summary>
    public void Run()
    {
        _queued = false;
        MarkDue();
        for (int writes = 0; writes < FullSpeedPacing.WritesPerRun && _ready.TryDequeue(out Slot? slot); writes++)
        {
            slot.IsReady = false;
            TakeTurn(slot);
        }

        Queue();
    }

    private void TakeTurn(Slot slot)
    {
        if (slot.Connection is not { } connection)
        {
            return;
        }

        if (!connection.HasWriteUnderWay && slot.Owed > 0)
        {
            long due = OldestDue(slot);
            slot.Owed--;
            if (_clock.Now - due > _lateAfter)
            {
                _counters.CountLate(connection.NextPackets);
            }

            Continue(slot, connection.TakeTurn(due));
        }
        else if (connection.HasWriteUnderWay)
        {
            Continue(slot, connection.TakeTurn(_clock.Now));
        }
    }

    private void Continue(Slot slot, WriteOutcome outcome)
    {
        if (outcome == WriteOutcome.Unfinished || (outcome == WriteOutcome.Taken && slot.Owed > 0))
        {
            MakeReady(slot);
        }
    }

    /// <summary>What has become due is owed from now on. Takes one step per connection at most, however much that is.</summary>
    private void MarkDue()
    {
        long now = Math.Min(_clock.Look(), _end - 1);
        if (_started == 0 || _timetable.Due(_next) > now)
        {
            return;
        }

        long end = _timetable.FirstFrom(now + 1);
        for (long write = _next; write < Math.Min(end, _next + _slots.Length); write++)
        {
            Owe(_slots[write % _slots.Length], write, ((end - 1 - write) / _slots.Length) + 1);
        }

        _next = end;
    }

    /// <summary>Adds writes to what a connection owes, up to its share.</summary>
    private void Owe(Slot slot, long firstWrite, long writes)
    {
        if (slot.Connection is { IsSending: true } connection && Math.Min(writes, connection.WritesLeft - slot.Owed) is var added and > 0)
        {
            slot.LatestDue = _timetable.Due(firstWrite + ((added - 1) * _slots.Length));
            slot.Owed += added;
            if (!connection.HasWriteUnderWay)
            {
                MakeReady(slot);
            }
        }
    }

    private long OldestDue(Slot slot) => slot.LatestDue - (long)((slot.Owed - 1) * _timetable.Round);

    private void MakeReady(Slot slot)
    {
        if (!slot.IsReady)
        {
            slot.IsReady = true;
            _ready.Enqueue(slot);
        }
    }

    private void Queue()
    {
        if (_ready.Count > 0)
        {
            if (!_queued)
            {
                _queued = true;
                _execute(this);
            }
        }
        else if (!_waiting && _timetable.Due(_next) is var due && due < _end)
        {
            _waiting = true;
            _schedule(_wakeUp, due > _clock.Now ? _clock.Between(_clock.Now, due) : TimeSpan.Zero);
        }
    }

    private sealed class WakeUp(RatePacing pacing) : IRunnable
    {
        public void Run()
        {
            pacing._waiting = false;
            pacing.Run();
        }
    }

    /// <summary>A connection's place in the round.</summary>
    private sealed class Slot
    {
        public SendingHandler? Connection { get; set; }

        /// <summary>Writes that are due and not begun.</summary>
        public long Owed { get; set; }

        /// <summary>When the last of them is due.</summary>
        public long LatestDue { get; set; }

        /// <summary>In the queue already.</summary>
        public bool IsReady { get; set; }
    }
}
