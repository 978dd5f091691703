using DotNettyFraming.Codec;

namespace DotNettyFraming.Server.Processing;

/// <summary><c>--work</c>: spends a while on each packet, off the event loops, as the article's sleep does.</summary>
/// <remarks>
/// Packets of one connection are worked on one after another, and connections beside each other. No thread is blocked. It shows
/// how a processor takes a batch to other threads: <see cref="PacketBatch.Detach"/> before returning, release at the end.
/// </remarks>
public sealed class SimulatedWorkProcessor : IPacketProcessor
{
    /// <summary>The shortest sleep that a timer can keep; shorter work adds up until it comes to this.</summary>
    private static readonly TimeSpan ShortestSleep = TimeSpan.FromMilliseconds(1);

    /// <summary>The longest sleep at a time: <see cref="Task.Delay(TimeSpan)"/> takes at most 49.7 days.</summary>
    private static readonly TimeSpan LongestSleep = TimeSpan.FromDays(30);

    private readonly TimeSpan _perPacket;
    private readonly TimeProvider _time;

    /// <summary>Makes a processor.</summary>
    /// <param name="perPacket">Time spent on each packet; above zero.</param>
    /// <param name="time">The clock that the time is spent on.</param>
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
                TimeSpan sleep = worker.Owed < LongestSleep ? TimeSpan.FromMilliseconds(Math.Floor(worker.Owed.TotalMilliseconds)) : LongestSleep;
                worker.Owed -= sleep;
                await Task.Delay(sleep, _time, cancellationToken);
            }
        }
        finally
        {
            batch.Release();
        }
    }

    /// <summary>One connection's line of work.</summary>
    private sealed class Worker
    {
        /// <summary>The batch taken last; the next one waits for it.</summary>
        public Task Last { get; set; } = Task.CompletedTask;

        /// <summary>Work done that no sleep has paid for yet. Only the batch at work touches it.</summary>
        public TimeSpan Owed { get; set; }
    }
}
