using System.Diagnostics.Tracing;
using Microsoft.Diagnostics.NETCore.Client;
using Microsoft.Diagnostics.Tracing;
using Microsoft.Diagnostics.Tracing.Parsers;
using Microsoft.Diagnostics.Tracing.Parsers.Clr;

namespace DotNettyFraming.Server.Profiling;

/// <summary>The objects that are alive, counted by type from the runtime's description of its heap.</summary>
internal sealed class HeapCensus
{
    private readonly Dictionary<ulong, (long Objects, long Bytes)> _counts = [];
    private readonly HeapTypes _types = new();
    private readonly TaskCompletionSource _collected = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _collection = -1;

    /// <summary>Whether every object was counted: the collection was seen to end, and nothing of it was lost.</summary>
    public bool IsWhole { get; private set; }

    /// <summary>Events that found no room.</summary>
    public int Lost { get; private set; }

    /// <summary>Has the runtime collect and describe its heap, and counts.</summary>
    public static async Task<HeapCensus> TakeAsync(int bufferMiB, TimeSpan patience, CancellationToken cancellationToken)
    {
        var census = new HeapCensus();
        using EventPipeSession session = await RuntimeEvents.StartAsync(
            EventLevel.Informational, (long)ClrTraceEventParser.Keywords.GCHeapSnapshot, bufferMiB, cancellationToken).ConfigureAwait(false);
        Task<int> reading = Task.Factory.StartNew(
            () => census.Read(session), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        bool isCollected;
        try
        {
            isCollected = await census.IsCollectedAsync(patience, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            await RuntimeEvents.StopAsync(session).ConfigureAwait(false);
        }

        census.Lost = await reading.ConfigureAwait(false);
        census.IsWhole = isCollected && census.Lost == 0;
        return census;
    }

    /// <summary>The counts: a type's name, its objects, and their bytes.</summary>
    public IEnumerable<(string Type, long Objects, long Bytes)> ByType(TypeNesting nesting) =>
        _counts.Select(count => (_types.Name(count.Key, nesting), count.Value.Objects, count.Value.Bytes));

    private async Task<bool> IsCollectedAsync(TimeSpan patience, CancellationToken cancellationToken)
    {
        try
        {
            await _collected.Task.WaitAsync(patience, cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    /// <summary>Reads to the end of the session.</summary>
    /// <returns>How many events were lost.</returns>
    private int Read(EventPipeSession session)
    {
        using var source = new EventPipeEventSource(session.EventStream);
        source.Clr.GCStart += start =>
        {
            // Others may happen beside it; ours is the one that was asked for, full and blocking.
            if (_collection < 0 && start.Reason == GCReason.Induced && start.Type == GCType.NonConcurrentGC && start.Depth == 2)
            {
                _collection = start.Count;
            }
        };
        source.Clr.GCStop += stop =>
        {
            if (stop.Count == _collection)
            {
                _collected.TrySetResult();
            }
        };
        source.Clr.TypeBulkType += _types.Add;
        source.Clr.GCBulkNode += Count;
        source.Process();
        return source.EventsLost;
    }

    private void Count(GCBulkNodeTraceData nodes)
    {
        for (int i = 0; i < nodes.Count; i++)
        {
            GCBulkNodeValues node = nodes.Values(i);
            (long objects, long bytes) = _counts.GetValueOrDefault(node.TypeID);
            _counts[node.TypeID] = (objects + 1, bytes + (long)node.Size);
        }
    }
}
