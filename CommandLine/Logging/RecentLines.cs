namespace DotNettyFraming.CommandLine.Logging;

/// <summary>How many lines the last second had: any second, not one by the clock's face, in which twice as many would fit around its end.</summary>
/// <param name="capacity">It counts no further.</param>
/// <param name="time">The clock.</param>
/// <remarks>Not thread-safe: <see cref="LogLimit"/> holds its lock.</remarks>
internal sealed class RecentLines(int capacity, TimeProvider time)
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    private readonly Queue<long> _written = new(capacity);

    /// <summary>Lines noted within the last second.</summary>
    public int Count()
    {
        while (_written.TryPeek(out long oldest) && time.GetElapsedTime(oldest) >= Second)
        {
            _written.Dequeue();
        }

        return _written.Count;
    }

    /// <summary>Notes lines that are about to be written.</summary>
    public void Add(int lines)
    {
        long now = time.GetTimestamp();
        for (int i = Math.Min(lines, capacity - Count()); i > 0; i--)
        {
            _written.Enqueue(now);
        }
    }
}
