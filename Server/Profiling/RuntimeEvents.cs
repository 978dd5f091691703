using System.Diagnostics.Tracing;
using System.Globalization;
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
    private static readonly TimeSpan LongestConnect = TimeSpan.FromSeconds(1);

    /// <summary>Turn the diagnostics off where they are 0.</summary>
    private static readonly string[] Switches =
        ["DOTNET_EnableDiagnostics", "DOTNET_EnableDiagnostics_IPC", "COMPlus_EnableDiagnostics", "COMPlus_EnableDiagnostics_IPC"];

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
            new EventPipeProvider(Provider, EventLevel.Critical, keywords: 0), requestRundown: true, CodeBufferMiB, CancellationToken.None)
            .ConfigureAwait(false);
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
        GuardAsync(async () =>
        {
            DiagnosticsClient client = await ClientAsync(cancellationToken).ConfigureAwait(false);
            return await client.StartEventPipeSessionAsync([provider], requestRundown, bufferMiB, cancellationToken).ConfigureAwait(false);
        });

    /// <summary>A client of this very process.</summary>
    /// <remarks>
    /// By process id, the client would take the newest socket of that id in the temporary directory. Containers that share the directory
    /// all have a process 1, so each socket is asked which process listens on it.
    /// </remarks>
    private static async Task<DiagnosticsClient> ClientAsync(CancellationToken cancellationToken)
    {
        if (!OperatingSystem.IsLinux())
        {
            return new DiagnosticsClient(Environment.ProcessId);
        }

        foreach (string path in Directory.GetFiles(Path.GetTempPath(), $"dotnet-diagnostic-{Environment.ProcessId}-*-socket"))
        {
            if (await IsOwnAsync(path, cancellationToken).ConfigureAwait(false))
            {
                DiagnosticsClientConnector connector =
                    await DiagnosticsClientConnector.FromDiagnosticPort($"{path},connect", cancellationToken).ConfigureAwait(false)
                    ?? throw new IOException($"{path} cannot be used");
                return connector.Instance;
            }
        }

        string? off = Switches.FirstOrDefault(name => long.TryParse(
            Environment.GetEnvironmentVariable(name), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out long value) && value == 0);
        throw new IOException(off is null ? $"it has no socket in {Path.GetTempPath()}" : $"{off}=0 turns them off");
    }

    /// <summary>Whether this process listens on a socket: the kernel knows who called listen(2).</summary>
    /// <remarks>Process 0 is one of another namespace.</remarks>
    private static async Task<bool> IsOwnAsync(string path, CancellationToken cancellationToken)
    {
        const int SocketLevel = 1; // SOL_SOCKET
        const int PeerCredentials = 17; // SO_PEERCRED: struct ucred, the process id first
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(LongestConnect);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), patience.Token).ConfigureAwait(false);
            byte[] credentials = new byte[12];
            return socket.GetRawSocketOption(SocketLevel, PeerCredentials, credentials) == credentials.Length
                && BitConverter.ToInt32(credentials) == Environment.ProcessId;
        }
        catch (Exception e) when (e is SocketException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return false; // left behind by a process that has ended, or stalled by another
        }
    }

    private static async Task<EventPipeSession> GuardAsync(Func<Task<EventPipeSession>> ask)
    {
        try
        {
            return await ask().ConfigureAwait(false);
        }
        catch (Exception exception) when (exception
            is DiagnosticsClientException or IOException or UnauthorizedAccessException or SocketException or TimeoutException)
        {
            throw new NoDiagnosticsException(exception);
        }
    }
}

/// <summary>The runtime gives no diagnostics: they were switched off, or its socket is not there; or it ended them.</summary>
internal sealed class NoDiagnosticsException(Exception cause) : Exception($"the runtime gives no diagnostics: {cause.Message}", cause);
