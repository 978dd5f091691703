using System.Diagnostics.CodeAnalysis;
using DotNetty.Common.Concurrency;

namespace DotNettyFraming.Transport.EventLoops;

/// <summary>The tasks of one event loop: any thread adds, the loop's thread takes in order, a closed queue rejects.</summary>
/// <remarks>
/// One compare-and-swap decides both adding and closing, so a task either runs or is rejected. A concurrent queue of .NET cannot
/// be closed: an await on a task added behind the last check would hang forever. Producers push onto a stack; the consumer
/// takes the whole stack and reverses it. Each node carries its depth, so <see cref="Count"/> needs no shared counter.
/// </remarks>
internal sealed class TaskQueue
{
    private static readonly Node Closed = new(null!, next: null, depth: 0);

    /// <summary>Newest first; <c>null</c> = empty, <see cref="Closed"/> = closed.</summary>
    private Node? _added;

    /// <summary>Oldest first. The loop's thread; observers read its depth.</summary>
    private Node? _taken;

    /// <summary>Whether no task waits. The loop's thread, behind a full fence after announcing sleep.</summary>
    public bool IsEmpty => _taken is null && (Volatile.Read(ref _added) is not { } added || added == Closed);

    /// <summary>The number of waiting tasks. Any thread; approximate.</summary>
    public int Count => (Volatile.Read(ref _added)?.Depth ?? 0) + (Volatile.Read(ref _taken)?.Depth ?? 0);

    /// <summary>Adds a task; returns <c>false</c> if the queue is closed. Any thread; the exchange is a full fence.</summary>
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

    /// <summary>Takes the oldest task. The loop's thread.</summary>
    public bool TryDequeue([NotNullWhen(true)] out IRunnable? task)
    {
        Node? node = _taken ??= Reverse(TakeAll());
        task = node?.Task;
        _taken = node?.Next;
        return node is not null;
    }

    /// <summary>Rejects further tasks; accepted ones can still be dequeued. The loop's thread.</summary>
    public void Close()
    {
        Node? rest = Reverse(Interlocked.Exchange(ref _added, Closed));
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

    private static Node? Reverse(Node? newest)
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

        /// <summary>The number of tasks from here to the end of the list.</summary>
        public int Depth { get; set; } = depth;
    }
}
