using DotNetty.Common.Concurrency;
using DotNetty.Transport.Channels;

namespace DotNettyFraming.Server.Pipeline;

/// <summary>Closes the connections that have held a part of a packet for the longest, when the <see cref="BufferBudget"/> is used up.</summary>
/// <remarks>
/// Each loop tells what its connections hold and since when; the oldest of all are chosen, however they lie on the loops, until an eighth
/// of the budget is free again; each loop closes its own. One relief at a time; while it goes on, a little more than the budget may be held.
/// Any thread.
/// </remarks>
internal sealed class BufferRelief(BufferBudget budget, IReadOnlyDictionary<IEventLoop, LoopState> loops)
{
    private int _requested;
    private int _underWay;

    /// <summary>Sees to it that memory is freed, soon. Returns at once.</summary>
    public void Request()
    {
        Volatile.Write(ref _requested, 1);
        if (Interlocked.Exchange(ref _underWay, 1) == 0)
        {
            _ = RelieveAsync();
        }
    }

    private async Task RelieveAsync()
    {
        try
        {
            // Away from the decoder that asked: it is in the middle of a read.
            await Task.Yield();
            while (Interlocked.Exchange(ref _requested, 0) == 1)
            {
                while (budget.LeasedBytes > budget.LimitBytes && await CloseOldestAsync())
                {
                }
            }
        }
        catch (RejectedExecutionException)
        {
            // The loops have ended, and with them whatever was held.
        }
        finally
        {
            Interlocked.Exchange(ref _underWay, 0);
        }

        // Who asked after the last look and before that line found a relief under way, and may be the last to ask.
        if (Volatile.Read(ref _requested) == 1)
        {
            Request();
        }
    }

    /// <returns>False where no more is held than may be: what was leased beyond that was only set aside, and is given back.</returns>
    private async Task<bool> CloseOldestAsync()
    {
        HeldPart[] held = [.. (await OnEachLoop(loop => loop.HeldParts())).SelectMany(parts => parts)];
        long total = held.Sum(part => (long)part.Bytes);
        if (total <= budget.LimitBytes)
        {
            return false;
        }

        long tooMuch = total - budget.LimitBytes + (budget.LimitBytes / 8);
        var oldest = new HashSet<Connection>();
        foreach (HeldPart part in held.Order())
        {
            if (tooMuch <= 0)
            {
                break;
            }

            tooMuch -= part.Bytes;
            oldest.Add(part.Connection);
        }

        await OnEachLoop(loop => loop.CloseHolders(oldest));
        return true;
    }

    private Task<T[]> OnEachLoop<T>(Func<LoopState, T> action) =>
        Task.WhenAll(loops.Select(loop => loop.Key.SubmitAsync(() => action(loop.Value))));
}
