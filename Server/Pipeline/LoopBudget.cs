using DotNettyFraming.Codec;

namespace DotNettyFraming.Server.Pipeline;

/// <summary>One event loop's lease of the <see cref="BufferBudget"/>. Threads: its event loop only.</summary>
internal sealed class LoopBudget
{
    /// <summary>Steps that are kept although they are not needed, so that a load that comes and goes does not lease again and again.</summary>
    public const int SpareSteps = 2;

    private readonly BufferBudget _budget;
    private readonly DecoderCounters _counters;

    public LoopBudget(BufferBudget budget, DecoderCounters counters)
    {
        _budget = budget;
        _counters = counters;
        counters.AllocationMark = 0;
        counters.AllocationPassedMark = Lease;
    }

    /// <summary>Called where so much is leased that this loop has to let go of something at once; inside a decoder.</summary>
    public Action? Overrun { get; init; }

    /// <summary>Gives back what is no longer needed.</summary>
    /// <param name="spareSteps">Steps to keep all the same.</param>
    public void GiveBack(int spareSteps)
    {
        while (_counters.AllocationMark - _counters.BytesAllocated >= (spareSteps + 1) * _budget.StepBytes)
        {
            _counters.AllocationMark -= _budget.StepBytes;
            _budget.GiveBack();
        }
    }

    private void Lease()
    {
        while (_counters.BytesAllocated > _counters.AllocationMark)
        {
            _counters.AllocationMark += _budget.StepBytes;
            _budget.Take();
        }

        if (_budget.LeasedBytes > _budget.MostBytes)
        {
            Overrun?.Invoke();
        }
    }
}
