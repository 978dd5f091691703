using Microsoft.Diagnostics.Tracing.Etlx;

namespace DotNettyFraming.Server.Profiling;

/// <summary>What was allocated of one type at one stack: an estimate.</summary>
internal sealed class AllocationRow(CallStackIndex stack, string type)
{
    /// <summary>Where; invalid where that is unknown.</summary>
    public CallStackIndex Stack { get; } = stack;

    /// <summary>The type's name, as the runtime has it.</summary>
    public string Type { get; } = type;

    /// <summary>Reports of the runtime that this is estimated from.</summary>
    public long Reports { get; set; }

    /// <summary>How many objects.</summary>
    public double Objects { get; set; }

    /// <summary>How many bytes, headers included.</summary>
    public double Bytes { get; set; }
}
