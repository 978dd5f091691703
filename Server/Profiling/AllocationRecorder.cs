using System.Diagnostics;
using System.Diagnostics.Tracing;
using Microsoft.Diagnostics.NETCore.Client;
using Microsoft.Diagnostics.Tracing.Etlx;
using Microsoft.Diagnostics.Tracing.Parsers.Clr;

namespace DotNettyFraming.Server.Profiling;

/// <summary>A recording of where the program allocates, from <see cref="StartAsync"/> to <see cref="StopAsync"/>.</summary>
/// <remarks>
/// A thread of its own sums the runtime's events as they arrive, so memory does not grow with time. Recordings may overlap. The recording's
/// own allocations are left out. Addresses get their names at the end: a dynamic method that was collected before has none.
/// </remarks>
internal sealed class AllocationRecorder : IAsyncDisposable
{
    /// <summary>The buffer for events: some seconds of a program that allocates 10 GB per second.</summary>
    private const int BufferMiB = 64;

    private readonly EventPipeSession _session;
    private readonly AllocationTable _table = new();
    private readonly DateTimeOffset _started = DateTimeOffset.UtcNow;
    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<TraceLogEventSource> _read = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private AllocationRecorder(EventPipeSession session) => _session = session;

    /// <summary>Starts a recording.</summary>
    /// <exception cref="NoDiagnosticsException">The runtime provides no events.</exception>
    public static async Task<AllocationRecorder> StartAsync(CancellationToken cancellationToken)
    {
        EventPipeSession session = await RuntimeEvents.StartAsync(
            EventLevel.Informational, AllocationSampling.Keyword, BufferMiB, cancellationToken).ConfigureAwait(false);
        var recorder = new AllocationRecorder(session);
        new Thread(recorder.Read) { IsBackground = true, Name = "allocation profile" }.Start();
        try
        {
            await recorder._ready.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
            return recorder;
        }
        catch
        {
            await recorder.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Ends the recording, and returns the profile as a file in pprof's format.</summary>
    /// <exception cref="NoDiagnosticsException">The runtime did not end it, or did not describe its code.</exception>
    public async Task<ReadOnlyMemory<byte>> StopAsync()
    {
        TimeSpan duration = Stopwatch.GetElapsedTime(_start);
        await RuntimeEvents.StopAsync(_session).ConfigureAwait(false);
        TraceLogEventSource source = await _read.Task.ConfigureAwait(false);
        var stacks = new AllocationStacks(source.TraceLog);
        CodeMap code = await CodeMap.ReadAsync(stacks.Addresses(_table.Rows)).ConfigureAwait(false);
        return AllocationProfileFile.Write(_table, row => stacks.Read(row.Stack, code), source.EventsLost, _started, duration);
    }

    /// <summary>Ends the recording.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await RuntimeEvents.StopAsync(_session).ConfigureAwait(false);
        }
        catch (NoDiagnosticsException)
        {
            // Usually it has ended in StopAsync, and the runtime no longer knows it.
        }

        _session.Dispose();

        // Release the events when the reading thread has ended.
        _ = _read.Task.ContinueWith(
            read => read.Result.Dispose(),
            CancellationToken.None,
            TaskContinuationOptions.OnlyOnRanToCompletion | TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
    }

    private void Read()
    {
        try
        {
            TraceLogEventSource source = TraceLog.CreateFromEventPipeSession(_session);
            source.Clr.AllocationSampling += OnReport;
            _ready.SetResult();
            source.Process();
            _read.SetResult(source);
        }
        catch (Exception exception)
        {
            // Passed on to the waiting tasks.
            _ready.TrySetException(exception);
            _read.TrySetException(exception);
        }
    }

    private void OnReport(AllocationSampledTraceData report) =>
        _table.Add(report.CallStackIndex(), report.TypeID, report.ObjectSize, () => report.TypeName);
}

/// <summary>The stacks of a recording; TraceEvent keeps each once.</summary>
internal sealed class AllocationStacks(TraceLog log)
{
    /// <summary>The recording's own code: allocations below these are left out.</summary>
    private static readonly string[] Recorders =
    [
        $"{typeof(AllocationStacks).Namespace}.", "Microsoft.Diagnostics.", "System.Diagnostics.Tracing.EventPipeEventProvider.",
    ];

    private static readonly CodePlace Unknown = new("[unknown]", "[unknown code]");

    /// <summary>Returns all addresses in the stacks of <paramref name="rows"/>.</summary>
    public IEnumerable<ulong> Addresses(IEnumerable<AllocationRow> rows) => rows.SelectMany(row => Addresses(row.Stack)).Distinct();

    /// <summary>Returns the places of a stack, innermost first; null if the recording itself allocated.</summary>
    public IReadOnlyList<CodePlace>? Read(CallStackIndex stack, CodeMap code)
    {
        var places = new List<CodePlace>();
        foreach (ulong address in Addresses(stack))
        {
            // An address without a name is the runtime's own glue between two methods.
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
