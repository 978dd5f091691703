namespace DotNettyFraming.Server.Pipeline;

/// <summary>The batches of one connection whose processing goes on elsewhere, in the order in which they came.</summary>
/// <remarks>
/// They count as processed in that order, whichever completes first, so that a cumulative acknowledgement can follow from it.
/// Waits for one task at a time, the first; completions are brought to the event loop. Threads: its event loop only.
/// </remarks>
internal sealed class PendingBatches
{
    private readonly Connection _connection;
    private readonly Queue<Batch> _batches = new();

    /// <summary>Read by whichever thread completes a task.</summary>
    private bool _dropped;

    public PendingBatches(Connection connection) => _connection = connection;

    /// <summary>Whether everything received has been processed or given up.</summary>
    public bool IsEmpty => _batches.Count == 0;

    /// <summary>Bytes of the batches that wait, and what keeping them takes.</summary>
    public long Cost { get; private set; }

    /// <summary>Takes in a batch whose processing has not completed, or has while earlier ones have not.</summary>
    public void Add(Task processing, int packets, int bytes)
    {
        if (_dropped)
        {
            _connection.Loop.Counters.CountDropped(packets);
            return;
        }

        int cost = bytes + Admission.BatchCost;
        _batches.Enqueue(new Batch(processing, packets, cost));
        Cost += cost;
        _connection.Loop.Admission.Added(_connection, cost);
        if (_batches.Count == 1)
        {
            AwaitFirst();
        }
    }

    /// <summary>Gives up everything that waits: it counts as dropped, whatever becomes of it.</summary>
    public void Drop()
    {
        Volatile.Write(ref _dropped, true);
        while (!IsEmpty)
        {
            _connection.Loop.Counters.CountDropped(TakeFirst().Packets);
        }

        _connection.PendingChanged();
    }

    private void AwaitFirst() => _batches.Peek().Processing.ConfigureAwait(false).GetAwaiter().UnsafeOnCompleted(() =>
    {
        // Nobody waits any more; and a loop that is about to end should not be given thousands of tasks.
        if (!Volatile.Read(ref _dropped))
        {
            _connection.Execute(CompleteFirst);
        }
    });

    private void CompleteFirst()
    {
        // Dropped meanwhile, if it is empty or its first has not completed.
        while (!IsEmpty && _batches.Peek().Processing.IsCompleted)
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
        Batch first = _batches.Dequeue();
        Cost -= first.Cost;
        _connection.Loop.Admission.Removed(_connection, first.Cost);
        return first;
    }

    private readonly record struct Batch(Task Processing, int Packets, int Cost);
}
