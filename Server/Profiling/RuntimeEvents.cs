using System.Diagnostics.Tracing;
using System.Net.Sockets;
using Microsoft.Diagnostics.NETCore.Client;
using Microsoft.Diagnostics.Tracing;
using Microsoft.Diagnostics.Tracing.Parsers.Clr;

namespace DotNettyFraming.Server.Profiling;

/// <summary>The events that the runtime of this very process gives away (EventPipe), asked for over its own diagnostics socket.</summary>
/// <remarks>An in-process <c>EventListener</c> would be simpler, and gets no stacks.</remarks>
internal static class RuntimeEvents
{
    /// <summary>The runtime's own provider.</summary>
    private const string Provider = "Microsoft-Windows-DotNETRuntime";

    /// <summary>Room for the description of all code; it is read while it comes.</summary>
    private const int CodeBufferMiB = 64;

    private static readonly TimeSpan LongestStop = TimeSpan.FromSeconds(10);

    private static readonly DiagnosticsClient Client = new(Environment.ProcessId);

    /// <summary>Starts a session.</summary>
    /// <param name="level">The most verbose events that come.</param>
    /// <param name="keywords">Which kinds of them.</param>
    /// <param name="bufferMiB">What may wait to be read, taken from the system as it is needed; more is lost, and counted.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="NoDiagnosticsException">There are none to be had.</exception>
    public static Task<EventPipeSession> StartAsync(EventLevel level, long keywords, int bufferMiB, CancellationToken cancellationToken) =>
        StartAsync(new EventPipeProvider(Provider, level, keywords), requestRundown: false, bufferMiB, cancellationToken);

    /// <summary>Ends a session; what came before then can still be read.</summary>
    /// <exception cref="NoDiagnosticsException">It could not be ended, or had ended before.</exception>
    public static Task StopAsync(EventPipeSession session) =>
        GuardAsync(async () =>
        {
            await session.StopAsync(CancellationToken.None).WaitAsync(LongestStop).ConfigureAwait(false);
            return session;
        });

    /// <summary>Has the runtime describe all code that there is, and reads that.</summary>
    /// <param name="subscribe">Registers for what it wants to know; called before any of it comes, on the thread that reads.</param>
    /// <exception cref="NoDiagnosticsException">There are none to be had.</exception>
    public static async Task DescribeCodeAsync(Action<ClrRundownTraceEventParser> subscribe)
    {
        // The description comes when a session ends; so this one asks for nothing else.
        using EventPipeSession session = await StartAsync(
            new EventPipeProvider(Provider, EventLevel.Critical, keywords: 0), requestRundown: true, CodeBufferMiB, CancellationToken.None).ConfigureAwait(false);
        Task reading = Task.Factory.StartNew(
            () =>
            {
                using var source = new EventPipeEventSource(session.EventStream);
                subscribe(new ClrRundownTraceEventParser(source));
                source.Process();
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default);
        await StopAsync(session).ConfigureAwait(false);
        await reading.ConfigureAwait(false);
    }

    private static Task<EventPipeSession> StartAsync(
        EventPipeProvider provider, bool requestRundown, int bufferMiB, CancellationToken cancellationToken) =>
        GuardAsync(() => Client.StartEventPipeSessionAsync([provider], requestRundown, bufferMiB, cancellationToken));

    private static async Task<EventPipeSession> GuardAsync(Func<Task<EventPipeSession>> ask)
    {
        try
        {
            return await ask().ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is DiagnosticsClientException or IOException or SocketException or TimeoutException)
        {
            throw new NoDiagnosticsException(exception);
        }
    }
}
