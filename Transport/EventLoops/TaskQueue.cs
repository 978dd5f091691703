using System.Diagnostics.CodeAnalysis;
using DotNetty.Common.Concurrency;

namespace DotNettyFraming.Transport.EventLoops;

/// <summary>
/// The tasks of one event loop: any thread adds, the loop's thread takes, in order; and once closed, adding fails.
/// </summary>
/// <remarks>
/// Closing and adding are decided by the same compare-and-swap, so a task is either run or refused, never lost: a
/// ready-made concurrent queue cannot say "closed", and an await on a task that slipped in behind the last look would
/// hang for ever. Producers push onto a stack; the consumer takes the whole stack at once and turns it round. The depth
/// that each node carries makes <see cref="Count"/> free of a shared counter.
/// </remarks>
internal sealed class TaskQueue
{
    private static readonly Node Closed = new(null!, next: null, depth: 0);

    /// <summary>Newest first; <c>null</c> = none waiting, <see cref="Closed"/> = no more accepted.</summary>
    private Node? _added;

    /// <summary>Oldest first; the loop's thread alone touches it (observers read its depth).</summary>
    private Node? _taken;

    /// <summary>Whether nothing waits. On the loop's thread; a full fence must lie between announcing sleep and this look.</summary>
    public bool IsEmpty => _taken is null && (Volatile.Read(ref _added) is not { } added || added == Closed);

    /// <summary>How many tasks wait; any thread, approximate while tasks come and go.</summary>
    public int Count => (Volatile.Read(ref _added)?.Depth ?? 0) + (Volatile.Read(ref _taken)?.Depth ?? 0);

    /// <summary>Adds a task. Any thread. The exchange is a full fence: what follows is ordered after the task is visible.</summary>
    /// <returns><c>false</c> when the queue is closed; the task will not run.</returns>
    public bool TryEnqueue(IRunnable task)
    {
        Node? head = Volatile.Read(ref _added);
        while (head != Closed)
        {
            var node = new Node(task, head, (head?.Depth ?? 0) + 1);
            Node? seen = Interlocked.CompareExchange(ref _added, node, head);
            if (seen == head)
            {
                return true;
            }

            head = seen;
        }

        return false;
    }

    /// <summary>Takes the oldest task. The loop's thread only.</summary>
    public bool TryDequeue([NotNullWhen(true)] out IRunnable? task)
    {
        Node? node = _taken ??= TurnRound(TakeAll());
        task = node?.Task;
        _taken = node?.Next;
        return node is not null;
    }

    /// <summary>Refuses tasks from now on; what was accepted before can still be dequeued. The loop's thread only.</summary>
    public void Close()
    {
        Node? rest = TurnRound(Interlocked.Exchange(ref _added, Closed));
        if (_taken is null)
        {
            _taken = rest;
            return;
        }

        Node last = _taken;
        while (last.Next is { } next)
        {
            last = next;
        }

        last.Next = rest;
    }

    private Node? TakeAll()
    {
        Node? head = Volatile.Read(ref _added);
        return head is null || head == Closed ? null : Interlocked.Exchange(ref _added, null);
    }

    private static Node? TurnRound(Node? newest)
    {
        Node? oldest = null;
        int depth = 0;
        while (newest is not null)
        {
            Node? next = newest.Next;
            newest.Next = oldest;
            newest.Depth = ++depth;
            oldest = newest;
            newest = next;
        }

        return oldest;
    }

    private sealed class Node(IRunnable task, Node? next, int depth)
    {
        public IRunnable Task { get; } = task;

        public Node? Next { get; set; } = next;

        /// <summary>Tasks from here to the end of its list.</summary>
        public int Depth { get; set; } = depth;
    }
}
