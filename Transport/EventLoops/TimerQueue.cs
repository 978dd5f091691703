using System.Diagnostics;
using DotNetty.Common;

namespace DotNettyFraming.Transport.EventLoops;

/// <summary>The timers of one event loop, the earliest first. Times are ticks of <see cref="PreciseTimeSpan"/>.</summary>
/// <remarks>
/// A binary heap in which each timer knows its index, so that cancelling costs a logarithm. DotNetty's queue searches its array.
/// The loop's thread only.
/// </remarks>
internal sealed class TimerQueue
{
    private LoopTimer[] _heap = new LoopTimer[16];

    public int Count { get; private set; }

    /// <summary>The due time of the earliest timer; <see cref="long.MaxValue"/> without one.</summary>
    public long Earliest => Count == 0 ? long.MaxValue : _heap[0].Due;

    /// <summary>Returns the time after a delay; <see cref="long.MaxValue"/> (never) beyond the clock's range.</summary>
    public static long After(long now, TimeSpan delay)
    {
        // The first time of a process is negative: DotNetty reads its clock before it sets the start.
        long ticks = PreciseTimeSpan.FromTimeSpan(delay).Ticks;
        return ticks > long.MaxValue - Math.Max(0, now) ? long.MaxValue : now + ticks;
    }

    public void Add(LoopTimer timer)
    {
        if (Count == _heap.Length)
        {
            Array.Resize(ref _heap, 2 * Count);
        }

        MoveUp(timer, Count++);
    }

    /// <summary>Removes and returns the earliest timer if it is due; otherwise returns <c>null</c>.</summary>
    public LoopTimer? TakeDue(long now)
    {
        if (Count == 0 || _heap[0].Due > now)
        {
            return null;
        }

        LoopTimer timer = _heap[0];
        Remove(timer);
        return timer;
    }

    /// <summary>Removes a timer if it is in the queue.</summary>
    public void Remove(LoopTimer timer)
    {
        int index = timer.Index;
        if (index < 0)
        {
            return;
        }

        Debug.Assert(_heap[index] == timer, "a timer's index is its place in the heap");
        timer.Index = -1;
        LoopTimer last = _heap[--Count];
        _heap[Count] = null!;
        if (last != timer)
        {
            MoveDown(last, index);
            MoveUp(last, last.Index);
        }
    }

    /// <summary>Cancels the waiting timers, but not those that their continuations schedule.</summary>
    public void CancelAll()
    {
        if (Count == 0)
        {
            return;
        }

        LoopTimer[] waiting = _heap[..Count];
        foreach (LoopTimer timer in waiting)
        {
            timer.Cancel();
        }
    }

    private void MoveUp(LoopTimer timer, int index)
    {
        while (index > 0)
        {
            int parent = (index - 1) / 2;
            if (_heap[parent].Due <= timer.Due)
            {
                break;
            }

            Put(_heap[parent], index);
            index = parent;
        }

        Put(timer, index);
    }

    private void MoveDown(LoopTimer timer, int index)
    {
        for (int child = (2 * index) + 1; child < Count; child = (2 * index) + 1)
        {
            if (child + 1 < Count && _heap[child + 1].Due < _heap[child].Due)
            {
                child++;
            }

            if (_heap[child].Due >= timer.Due)
            {
                break;
            }

            Put(_heap[child], index);
            index = child;
        }

        Put(timer, index);
    }

    private void Put(LoopTimer timer, int index)
    {
        _heap[index] = timer;
        timer.Index = index;
    }
}
