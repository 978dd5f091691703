using System.Diagnostics;
using System.Diagnostics.Tracing;
using Microsoft.Diagnostics.NETCore.Client;
using Microsoft.Diagnostics.Tracing.Etlx;
using Microsoft.Diagnostics.Tracing.Parsers.Clr;

namespace DotNettyFraming.Server.Profiling;

/// <summary>A recording of where the program allocates, from <see cref="StartAsync"/> to <see cref="StopAsync"/>.</summary>
/// <remarks>
/// One thread of its own reads the runtime's events and sums them up while they come, so that nothing grows with time. Several recordings
/// may run at once. What the recording itself allocates is left out. The addresses of a stack get their names when the recording ends: code
/// that was collected before then, a dynamic method's, has none.
/// </remarks>
internal sealed class AllocationRecorder : IAsyncDisposable
{
    /// <summary>What may wait to be read: some seconds of a program that allocates 10 GB a second.</summary>
    private const int BufferMiB = 64;

    private readonly EventPipeSession _session;
    private readonly AllocationTable _table = new();
    private readonly DateTimeOffset _began = DateTimeOffset.UtcNow;
    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<TraceLogEventSource> _read = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private AllocationRecorder(EventPipeSession session) => _session = session;

    /// <summary>Starts to record.</summary>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The recording, under way.</returns>
    /// <exception cref="NoDiagnosticsException">There are none to be had.</exception>
    public static async Task<AllocationRecorder> StartAsync(CancellationToken cancellationToken)
    {
        EventPipeSession session = await RuntimeEvents.StartAsync(EventLevel.Informational, AllocationSampling.Keyword, BufferMiB, cancellationToken).ConfigureAwait(false);
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

    /// <summary>Ends the recording.</summary>
    /// <returns>The profile, as a file of pprof's format.</returns>
    /// <exception cref="NoDiagnosticsException">The runtime did not end it, or did not describe its code.</exception>
    public async Task<ReadOnlyMemory<byte>> StopAsync()
    {
        TimeSpan duration = Stopwatch.GetElapsedTime(_start);
        await RuntimeEvents.StopAsync(_session).ConfigureAwait(false);
        TraceLogEventSource source = await _read.Task.ConfigureAwait(false);
        var stacks = new AllocationStacks(source.TraceLog);
        CodeMap code = await CodeMap.ReadAsync(stacks.Addresses(_table.Rows)).ConfigureAwait(false);
        return AllocationProfileFile.Write(_table, row => stacks.Read(row.Stack, code), source.EventsLost, _began, duration);
    }

    /// <summary>Ends it, whether or not anybody wanted the profile.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await RuntimeEvents.StopAsync(_session).ConfigureAwait(false);
        }
        catch (NoDiagnosticsException)
        {
            // Most likely it has ended before, in StopAsync: the runtime then knows it no more.
        }

        _session.Dispose();

        // What was read is let go when its thread is done, also of a recording that nobody wanted to the end.
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
            // A thread of its own: whoever waits for it is told.
            _ready.TrySetException(exception);
            _read.TrySetException(exception);
        }
    }

    private void OnReport(AllocationSampledTraceData report) =>
        _table.Add(report.CallStackIndex(), report.TypeID, report.ObjectSize, () => report.TypeName);
}

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
