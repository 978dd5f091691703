using DotNettyFraming.Codec;
using DotNettyFraming.Server.Limits;
using DotNettyFraming.Server.Processing;

namespace DotNettyFraming.Server.Pipeline;

/// <summary>The batches of one connection that are not processed yet, in the order of their packets.</summary>
/// <remarks>
/// With a store, a batch is appended to it when the processor has completed, and is processed when it is stored.
/// They count as processed in that order, without a gap, whichever completes first: an acknowledgement is cumulative. Batches behind a
/// failed one are dropped. Threads: its event loop, except <see cref="OnCompleted"/>.
/// </remarks>
internal sealed class PendingBatches
{
    private readonly Connection _connection;
    private readonly Queue<Batch> _batches = new();

    /// <summary>Copies of the batches that the store gets when the processor has completed.</summary>
    private readonly Queue<PacketBatch> _held = new();
    private readonly Action _onCompleted;
    private readonly Action _settle;

    /// <summary>Awaited tasks that have completed; above <see cref="_taken"/> if one completed out of order. Any thread.</summary>
    private long _completed;
    private long _taken;
    private int _settling;
    private bool _abandoned;

    public PendingBatches(Connection connection)
    {
        _connection = connection;
        _onCompleted = OnCompleted;
        _settle = Settle;
    }

    /// <summary>Whether everything received is processed or dropped.</summary>
    public bool IsEmpty => _batches.Count == 0;

    /// <summary>The memory that the waiting batches keep allocated.</summary>
    public long Cost { get; private set; }

    /// <summary>Whether the next batch cannot be done when its processing completes, as an earlier one is not.</summary>
    public bool IsBehind => Sink is null ? !IsEmpty : _held.Count > 0;

    /// <summary>Adds the last batch received, when its own processing or that of an earlier one has not completed.</summary>
    /// <param name="processing">Completes when its packets are processed.</param>
    /// <param name="batch">The batch.</param>
    public void Add(Task processing, PacketBatch batch)
    {
        // Always await the first: it may have completed since the caller checked. Successful batches behind it are settled with it.
        bool awaited = !IsBehind || !processing.IsCompletedSuccessfully;
        bool held = Sink is not null;
        if (held)
        {
            _held.Enqueue(batch.Detach());
        }

        Enqueue(processing, batch, (awaited || held ? batch.DetachedBytes : 0) + BackPressure.BatchBytes, awaited);
        if (awaited)
        {
            processing.ConfigureAwait(false).GetAwaiter().UnsafeOnCompleted(_onCompleted);
        }
    }

    /// <summary>Appends the last batch received to the store: its processing has completed.</summary>
    public void Append(PacketBatch batch)
    {
        Enqueue(Task.CompletedTask, batch, batch.ByteCount + BackPressure.AppendedBatchBytes, awaited: false);
        _connection.Loop.Turn.Append(_connection, batch);
    }

    /// <summary>Marks every packet before <paramref name="position"/> as processed; one call for any number of batches.</summary>
    public void ProcessedTo(long position)
    {
        long cost = 0;
        while (_batches.TryPeek(out Batch first) && first.End <= position)
        {
            cost += Forget(_batches.Dequeue());
        }

        _connection.ProcessedTo(position);
        _connection.Loop.BackPressure.Removed(_connection, cost);
    }

    /// <summary>Drops the pending packets from <paramref name="position"/> on: after a failure, or in a forced stop.</summary>
    public void DropFrom(long position)
    {
        for (int left = _held.Count; left > 0; left--)
        {
            PacketBatch batch = _held.Dequeue();
            if (EndOf(batch) <= position)
            {
                _held.Enqueue(batch);
            }
            else
            {
                batch.Release();
            }
        }

        long cost = 0;
        for (int left = _batches.Count; left > 0; left--)
        {
            Batch batch = _batches.Dequeue();
            if (batch.End <= position)
            {
                _batches.Enqueue(batch);
                continue;
            }

            cost += Forget(batch);
            _connection.Loop.Counters.CountDropped(batch.Packets);
            Observe(batch.Processing);
        }

        _connection.Loop.BackPressure.Removed(_connection, cost);
    }

    /// <summary>Drops everything in a forced stop. The event loop is about to end, so completions are ignored from now on.</summary>
    public void Abandon()
    {
        Volatile.Write(ref _abandoned, true);
        DropFrom(-1);
        _connection.PendingChanged();
    }

    /// <summary>Returns the exception of a task that did not succeed.</summary>
    public static Exception FailureOf(Task processing) => processing.Exception?.InnerException ?? new TaskCanceledException(processing);

    /// <summary>Schedules <see cref="Settle"/>, at most once at a time for any number of completions. Any thread.</summary>
    private void OnCompleted()
    {
        Interlocked.Increment(ref _completed);
        if (!Volatile.Read(ref _abandoned) && Interlocked.Exchange(ref _settling, 1) == 0)
        {
            _connection.Execute(_settle);
        }
    }

    private void Settle()
    {
        Interlocked.Exchange(ref _settling, 0); // first: a batch that completes after this line schedules again
        long processed = 0;
        bool gap = false;
        long tasks = _taken;
        Batch? failed = null;
        foreach (Batch batch in _batches)
        {
            if (!batch.Processing.IsCompleted)
            {
                // Behind a gap only a failure matters, and there is none unless tasks completed out of order.
                gap = true;
                if (Volatile.Read(ref _completed) <= tasks)
                {
                    break;
                }
            }
            else if (!batch.Processing.IsCompletedSuccessfully)
            {
                failed = batch;
                break;
            }
            else
            {
                tasks += batch.IsAwaited ? 1 : 0;
                processed = gap ? processed : batch.End;
            }
        }

        if (processed > 0 && Sink is null)
        {
            ProcessedTo(processed);
        }

        while (_held.TryPeek(out PacketBatch? held) && EndOf(held) <= processed)
        {
            _connection.Loop.Turn.Append(_connection, _held.Dequeue());
            held.Release();
        }

        if (failed is { } first)
        {
            DropFrom(first.End - first.Packets);
            _connection.ProcessingFailed(FailureOf(first.Processing));
        }

        _connection.PendingChanged();
    }

    private ILoopSink? Sink => _connection.Loop.Turn.Sink;

    private static long EndOf(PacketBatch batch) => batch.FirstSequence + batch.Count;

    private void Enqueue(Task processing, PacketBatch batch, int cost, bool awaited)
    {
        _batches.Enqueue(new Batch(processing, _connection.PacketsReceived, batch.Count, cost, awaited));
        Cost += cost;
        _connection.Loop.BackPressure.Added(_connection, cost);
    }

    private int Forget(Batch batch)
    {
        Cost -= batch.Cost;
        _taken += batch.IsAwaited ? 1 : 0;
        return batch.Cost;
    }

    /// <summary>Reads the exception of a dropped task, so that it is not reported as unobserved.</summary>
    private static void Observe(Task processing)
    {
        if (processing.IsCompleted)
        {
            _ = processing.Exception;
        }
        else
        {
            _ = processing.ContinueWith(
                static task => _ = task.Exception,
                CancellationToken.None,
                TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default);
        }
    }

    /// <summary>One batch. <c>End</c> is the position behind its last packet, <c>Cost</c> its memory.</summary>
    private readonly record struct Batch(Task Processing, long End, int Packets, int Cost, bool IsAwaited);
}
