using Microsoft.Diagnostics.Tracing.Etlx;

namespace DotNettyFraming.Server.Profiling;

/// <summary>The stacks that a recording has met, each kept once by TraceEvent.</summary>
internal sealed class AllocationStacks(TraceLog log)
{
    /// <summary>Who makes the recording: what is allocated below these is its own doing.</summary>
    private static readonly string[] Recorders =
    [
        $"{typeof(AllocationStacks).Namespace}.", "Microsoft.Diagnostics.", "System.Diagnostics.Tracing.EventPipeEventProvider.",
    ];

    private static readonly CodePlace Unknown = new("[unknown]", "[unknown code]");

    /// <summary>All addresses in the stacks of <paramref name="rows"/>.</summary>
    public IEnumerable<ulong> Addresses(IEnumerable<AllocationRow> rows) => rows.SelectMany(row => Addresses(row.Stack)).Distinct();

    /// <summary>Reads a stack.</summary>
    /// <returns>Its places, the innermost first; null where the recording itself was at work.</returns>
    public IReadOnlyList<CodePlace>? Read(CallStackIndex stack, CodeMap code)
    {
        var places = new List<CodePlace>();
        foreach (ulong address in Addresses(stack))
        {
            // What has no name is the runtime's own glue between two methods.
            if (code.Find(address) is { } place)
            {
                if (Recorders.Any(recorder => place.Function.StartsWith(recorder, StringComparison.Ordinal)))
                {
                    return null;
                }

                places.Add(place);
            }
        }

        return places.Count > 0 ? places : [Unknown];
    }

    private IEnumerable<ulong> Addresses(CallStackIndex stack)
    {
        for (; stack != CallStackIndex.Invalid; stack = log.CallStacks.Caller(stack))
        {
            yield return log.CodeAddresses.Address(log.CallStacks.CodeAddressIndex(stack));
        }
    }
}
