namespace DotNettyFraming.Server.Pipeline;

/// <summary>The batches of one connection whose processing goes on elsewhere, in the order in which they came.</summary>
/// <remarks>
/// They count as processed in that order, whichever completes first, so that a cumulative acknowledgement can follow from it.
/// Waits for one task at a time, the first; completions are brought to the event loop. Threads: its event loop only.
/// </remarks>
internal sealed class PendingBatches
{
    private readonly Connection _connection;

    /// <summary>Made when the first batch has to wait: with the default processor none ever does.</summary>
    private Queue<Batch>? _batches;

    public PendingBatches(Connection connection) => _connection = connection;

    /// <summary>Whether everything received has been processed or given up.</summary>
    public bool IsEmpty => _batches is null or { Count: 0 };

    /// <summary>Bytes of the batches that wait.</summary>
    public long Bytes { get; private set; }

    /// <summary>Takes in a batch whose processing has not completed, or has while earlier ones have not.</summary>
    public void Add(Task processing, int packets, int bytes)
    {
        _batches ??= new Queue<Batch>();
        _batches.Enqueue(new Batch(processing, packets, bytes));
        Bytes += bytes;
        _connection.Loop.Admission.Added(_connection, bytes);
        if (_batches.Count == 1)
        {
            AwaitFirst();
        }
    }

    /// <summary>Gives up everything that waits: it counts as dropped, whatever becomes of it.</summary>
    public void Drop()
    {
        while (!IsEmpty)
        {
            _connection.Loop.Counters.CountDropped(TakeFirst().Packets);
        }

        _connection.PendingChanged();
    }

    private void AwaitFirst() =>
        _batches!.Peek().Processing.ConfigureAwait(false).GetAwaiter().UnsafeOnCompleted(() => _connection.Execute(CompleteFirst));

    private void CompleteFirst()
    {
        // Dropped meanwhile, if it is empty or its first has not completed.
        while (!IsEmpty && _batches!.Peek().Processing.IsCompleted)
        {
            Batch done = TakeFirst();
            if (done.Processing.IsCompletedSuccessfully)
            {
                _connection.Loop.Counters.CountProcessed(done.Packets);
            }
            else
            {
                _connection.ProcessingFailed(done.Processing.Exception?.InnerException ?? new TaskCanceledException(done.Processing), done.Packets);
            }
        }

        if (!IsEmpty)
        {
            AwaitFirst();
        }

        _connection.PendingChanged();
    }

    private Batch TakeFirst()
    {
        Batch first = _batches!.Dequeue();
        Bytes -= first.Bytes;
        _connection.Loop.Admission.Removed(_connection, first.Bytes);
        return first;
    }

    private readonly record struct Batch(Task Processing, int Packets, int Bytes);
}
