using DotNettyFraming.Server.Limits;

namespace DotNettyFraming.Server.Pipeline;

/// <summary>The batches of one connection that are not processed yet, in the order of their packets.</summary>
/// <remarks>
/// They count as processed in that order, without a gap, whichever completes first, so that a cumulative acknowledgement can follow from the
/// position. What is behind a failed batch is dropped. Threads: its event loop only, except <see cref="OnCompleted"/>.
/// </remarks>
internal sealed class PendingBatches
{
    private readonly Connection _connection;
    private readonly Queue<Batch> _batches = new();
    private readonly Action _onCompleted;
    private readonly Action _settle;

    /// <summary>Awaited tasks that have completed; any thread. Ahead of <see cref="_taken"/> when one completed out of order.</summary>
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

    /// <summary>Bytes that the waiting batches keep allocated.</summary>
    public long Cost { get; private set; }

    /// <summary>Adds the batch received last: its processing has not completed, or that of an earlier one has not.</summary>
    /// <param name="processing">Completes when its packets are processed.</param>
    /// <param name="packets">The number of packets.</param>
    /// <param name="bytes">What a detached copy of it keeps allocated.</param>
    public void Add(Task processing, int packets, int bytes)
    {
        // The first always: it may have completed since the caller looked. Behind it, what has succeeded is settled with it.
        bool awaited = IsEmpty || !processing.IsCompletedSuccessfully;
        int cost = (awaited ? bytes : 0) + BackPressure.BatchBytes;
        _batches.Enqueue(new Batch(processing, _connection.PacketsReceived, packets, cost, awaited));
        Cost += cost;
        _connection.Loop.BackPressure.Added(_connection, cost);
        if (awaited)
        {
            processing.ConfigureAwait(false).GetAwaiter().UnsafeOnCompleted(_onCompleted);
        }
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

    /// <summary>Drops what is pending from a position on: a failure, or a forced stop.</summary>
    /// <param name="position">The number of the first packet to drop.</param>
    public void DropFrom(long position)
    {
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

    /// <summary>Drops everything, in a forced stop: completions are not brought to the event loop any more, which is about to end.</summary>
    public void Abandon()
    {
        Volatile.Write(ref _abandoned, true);
        DropFrom(-1);
        _connection.PendingChanged();
    }

    /// <summary>The exception of a task that did not succeed.</summary>
    public static Exception FailureOf(Task processing) => processing.Exception?.InnerException ?? new TaskCanceledException(processing);

    /// <summary>A task completed, on any thread. However many do, one task on the loop at a time settles them.</summary>
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
        Interlocked.Exchange(ref _settling, 0); // before looking: what completes from here on settles again
        long processed = 0;
        bool gap = false;
        long tasks = _taken;
        Batch? failed = null;
        foreach (Batch batch in _batches)
        {
            if (!batch.Processing.IsCompleted)
            {
                // Behind the gap only a failure matters, and there is none unless tasks completed out of order.
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

        if (processed > 0)
        {
            ProcessedTo(processed);
        }

        if (failed is { } first)
        {
            DropFrom(first.End - first.Packets);
            _connection.ProcessingFailed(FailureOf(first.Processing));
        }

        _connection.PendingChanged();
    }

    private int Forget(Batch batch)
    {
        Cost -= batch.Cost;
        _taken += batch.IsAwaited ? 1 : 0;
        return batch.Cost;
    }

    /// <summary>Looks at the exception of a task that nothing waits for any more, so that it is not reported as unobserved.</summary>
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

    /// <param name="Processing">Completes when its packets are processed.</param>
    /// <param name="End">The position behind its last packet.</param>
    /// <param name="Packets">The number of packets.</param>
    /// <param name="Cost">Bytes, as allocated.</param>
    /// <param name="IsAwaited">Whether its completion is reported.</param>
    private readonly record struct Batch(Task Processing, long End, int Packets, int Cost, bool IsAwaited);
}
