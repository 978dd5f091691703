using DotNettyFraming.Codec;

namespace DotNettyFraming.Server.Processing;

/// <summary><c>--work</c>: spends a time on each packet, off the event loops.</summary>
/// <remarks>
/// Packets of one connection are processed one after another, connections in parallel, and no thread is blocked. An example of a processor
/// that takes a batch to other threads: <see cref="PacketBatch.Detach"/> before returning, release at the end.
/// </remarks>
internal sealed class SimulatedWorkProcessor : IPacketProcessor
{
    /// <summary>The shortest sleep of a .NET timer; shorter work adds up to it.</summary>
    private static readonly TimeSpan ShortestSleep = TimeSpan.FromMilliseconds(1);

    /// <summary>The longest single sleep: <see cref="Task.Delay(TimeSpan)"/> takes at most 49.7 days.</summary>
    private static readonly TimeSpan LongestSleep = TimeSpan.FromDays(30);

    private readonly TimeSpan _perPacket;
    private readonly TimeProvider _time;

    /// <summary>Creates a processor.</summary>
    /// <param name="perPacket">The time per packet; above zero.</param>
    /// <param name="time">The clock.</param>
    public SimulatedWorkProcessor(TimeSpan perPacket, TimeProvider time)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(perPacket, TimeSpan.Zero);
        _perPacket = perPacket;
        _time = time;
    }

    /// <inheritdoc/>
    public ValueTask ProcessAsync(PacketBatch batch, PacketSource source, CancellationToken cancellationToken)
    {
        var worker = (Worker)(source.State ??= new Worker());
        PacketBatch own = batch.Detach();
        Task before = worker.Last;
        // Task.Run, as the current TaskScheduler inside a handler is the event loop.
        worker.Last = Task.Run(() => WorkAsync(worker, before, own, cancellationToken), CancellationToken.None);
        return new ValueTask(worker.Last);
    }

    private async Task WorkAsync(Worker worker, Task before, PacketBatch batch, CancellationToken cancellationToken)
    {
        try
        {
            await before.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            worker.Owed += TimeSpan.FromTicks((long)Math.Min(_perPacket.Ticks * (double)batch.Count, long.MaxValue / 2));
            while (worker.Owed >= ShortestSleep)
            {
                TimeSpan sleep = worker.Owed < LongestSleep
                    ? TimeSpan.FromMilliseconds(Math.Floor(worker.Owed.TotalMilliseconds))
                    : LongestSleep;
                worker.Owed -= sleep;
                await Task.Delay(sleep, _time, cancellationToken);
            }
        }
        finally
        {
            batch.Release();
        }
    }

    /// <summary>The work of one connection.</summary>
    private sealed class Worker
    {
        /// <summary>The last batch; the next one waits for it.</summary>
        public Task Last { get; set; } = Task.CompletedTask;

        /// <summary>The time that no sleep has spent yet. Only the batch in progress uses it.</summary>
        public TimeSpan Owed { get; set; }
    }
}
