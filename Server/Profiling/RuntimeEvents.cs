using System.Diagnostics.Tracing;
using Microsoft.Diagnostics.NETCore.Client;
using Microsoft.Diagnostics.Tracing.Etlx;

namespace DotNettyFraming.Server.Profiling;

/// <summary>The events that the runtime of this very process gives away (EventPipe), asked for over its own diagnostics socket.</summary>
/// <remarks>An in-process <c>EventListener</c> would be simpler, and gets no stacks.</remarks>
internal static class RuntimeEvents
{
    /// <summary>The runtime's own provider.</summary>
    private const string Provider = "Microsoft-Windows-DotNETRuntime";

    private static readonly DiagnosticsClient Client = new(Environment.ProcessId);

    /// <summary>Starts a session.</summary>
    /// <param name="level">The most verbose events that come.</param>
    /// <param name="keywords">Which kinds of them.</param>
    /// <param name="bufferMiB">What may wait to be read, taken from the system as it is needed; more is lost, and counted.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="ServerNotAvailableException">The runtime gives no diagnostics.</exception>
    public static Task<EventPipeSession> StartAsync(EventLevel level, long keywords, int bufferMiB, CancellationToken cancellationToken) =>
        Client.StartEventPipeSessionAsync([new EventPipeProvider(Provider, level, keywords)], requestRundown: false, bufferMiB, cancellationToken);

    /// <summary>A source that resolves the stacks of a session's events, while they come. Blocks while it learns all methods that there are.</summary>
    public static TraceLogEventSource WithStacks(EventPipeSession session)
    {
        var rundown = TraceLog.EventPipeRundownConfiguration.Enable(Client);

        // TraceEvent learns the methods from a second, short session, and waits there for a first event, whatever it is, before it ends
        // it. Of the runtime's own none need come while the program rests; starting a task to read them, as it does, is one for sure.
        rundown.AddProvider(new EventPipeProvider("System.Threading.Tasks.TplEventSource", EventLevel.Informational, keywords: 0x2));
        return TraceLog.CreateFromEventPipeSession(session, rundown);
    }
}
