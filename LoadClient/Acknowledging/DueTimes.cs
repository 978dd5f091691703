namespace DotNettyFraming.LoadClient.Acknowledging;

/// <summary>The due times of the unacknowledged packets of one connection, in bounded memory.</summary>
/// <remarks>
/// There is an entry per write. If all are used, writes that were due within 1/64 of the whole time are merged, under the earliest due
/// time. So a latency is never too short, and too long by at most 1/64 of the longest.
/// </remarks>
internal sealed class DueTimes
{
    internal const int MaxEntries = 256; // 4 KiB: 40 MiB for 10,000 connections
    private const int MinEntries = 4;
    private const int Resolution = MaxEntries / 4;

    private (long End, long Due)[] _entries = new (long, long)[MinEntries]; // a ring; End is the number behind the last packet
    private int _first;
    private int _count;

    public int Capacity => _entries.Length;

    /// <summary>Adds a write that ends before packet <paramref name="end"/>.</summary>
    public void Add(long end, long due)
    {
        if (_count == _entries.Length)
        {
            MakeRoom();
        }

        _entries[Index(_count++)] = (end, due);
    }

    /// <summary>Returns the oldest write.</summary>
    public bool TryPeek(out long end, out long due)
    {
        (end, due) = _entries[_first];
        return _count > 0;
    }

    public void RemoveFirst()
    {
        _first = Index(1);
        _count--;
    }

    private int Index(int entry) => (_first + entry) & (_entries.Length - 1);

    private void MakeRoom()
    {
        (long End, long Due)[] old = [.. Enumerable.Range(0, _count).Select(entry => _entries[Index(entry)])];
        _first = 0;
        if (_entries.Length < MaxEntries)
        {
            _entries = new (long, long)[2 * _entries.Length];
            old.CopyTo(_entries, 0);
            return;
        }

        long maxError = (old[^1].Due - old[0].Due) / Resolution;
        _entries[0] = old[0];
        _count = 1;
        for (int i = 1; i < old.Length; i++)
        {
            // An entry may have been merged before: its packets were due until the next entry. So two entries that stay cover more than
            // the error, and at least about half of the room is free.
            long until = old[Math.Min(i + 1, old.Length - 1)].Due;
            if (until - _entries[_count - 1].Due <= maxError)
            {
                _entries[_count - 1].End = old[i].End;
            }
            else
            {
                _entries[_count++] = old[i];
            }
        }
    }
}
