using DotNetty.Common.Concurrency;
using DotNettyFraming.LoadClient.Measuring;

namespace DotNettyFraming.LoadClient.Sending;

/// <summary>The pacing of <c>--rate</c>: each write at the time of its <see cref="Timetable"/>, or as soon as possible after it.</summary>
/// <remarks>
/// A write that is due while its connection is stuck is owed, and its latency counts from its due time, so that a server's stall shows in
/// the latency of every write due during it. A connection's writes are due a round apart, so that a number of owed writes suffices.
/// </remarks>
internal sealed class RatePacing : IPacing, IRunnable
{
    public static readonly TimeSpan LateAfter = TimeSpan.FromMilliseconds(1); // ten times the delay of the loop's timer
    private const int MaxUntakenGroups = 1_000; // of unsent writes: an error of a thousandth of the longest latency

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
            _next = _timetable.FirstFrom(_clock.Read());
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

        // Unsent writes count with the time that they waited. Many are recorded in groups, by the oldest of each.
        long groups = Math.Min(slot.Owed, MaxUntakenGroups);
        for (long group = 0; group < groups; group++)
        {
            long first = slot.Owed * group / groups;
            long next = slot.Owed * (group + 1) / groups;
            _counters.WritesUntaken(_clock.Between(OldestDue(slot) + (long)(first * _timetable.Round), _clock.Now), next - first);
        }

        slot.Connection = null;
        return slot.Owed;
    }

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
        if (slot.Connection is not { CanWrite: true } connection)
        {
            return; // it calls Ready when it can
        }

        if (connection.IsWriting || connection.MustResend)
        {
            Continue(slot, connection.TakeTurn(_clock.Now));
        }
        else if (slot.Owed > 0)
        {
            long due = OldestDue(slot);
            slot.Owed--;
            if (_clock.Now - due > _lateAfter)
            {
                _counters.CountLate(connection.NextPackets);
            }

            Continue(slot, connection.TakeTurn(due));
        }
    }

    private void Continue(Slot slot, WriteOutcome outcome)
    {
        if (outcome == WriteOutcome.Unfinished
            || (outcome == WriteOutcome.Taken && (slot.Owed > 0 || slot.Connection is { MustResend: true })))
        {
            MakeReady(slot);
        }
    }

    /// <summary>Adds the writes that have become due to what each connection owes, in one step per connection.</summary>
    private void MarkDue()
    {
        long now = Math.Min(_clock.Read(), _end - 1);
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

    private void Owe(Slot slot, long firstWrite, long writes)
    {
        if (slot.Connection is { IsSending: true } connection && Math.Min(writes, connection.WritesLeft - slot.Owed) is var added and > 0)
        {
            slot.LatestDue = _timetable.Due(firstWrite + ((added - 1) * _slots.Length));
            slot.Owed += added;
            if (!connection.IsWriting)
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
        public long Owed { get; set; } // writes that are due and not started
        public long LatestDue { get; set; } // the due time of the last of them
        public bool IsReady { get; set; } // in the queue
    }
}
