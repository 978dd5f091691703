using System.Diagnostics.Tracing;
using System.Globalization;
using System.Net.Sockets;
using Microsoft.Diagnostics.NETCore.Client;
using Microsoft.Diagnostics.Tracing;
using Microsoft.Diagnostics.Tracing.Parsers.Clr;

namespace DotNettyFraming.Server.Profiling;

/// <summary>Reads the events of this process's own runtime (EventPipe), over its diagnostics socket.</summary>
/// <remarks>An in-process <c>EventListener</c> would be simpler, but gets no stacks.</remarks>
internal static class RuntimeEvents
{
    private const string Provider = "Microsoft-Windows-DotNETRuntime";

    /// <summary>The buffer for the description of all code, which is read while it arrives.</summary>
    private const int CodeBufferMiB = 64;

    private static readonly TimeSpan LongestStop = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LongestConnect = TimeSpan.FromSeconds(1);

    /// <summary>Variables that turn diagnostics off when 0.</summary>
    private static readonly string[] Switches =
        ["DOTNET_EnableDiagnostics", "DOTNET_EnableDiagnostics_IPC", "COMPlus_EnableDiagnostics", "COMPlus_EnableDiagnostics_IPC"];

    /// <summary>Starts a session. Events beyond <paramref name="bufferMiB"/>, which is allocated as needed, are lost and counted.</summary>
    /// <exception cref="NoDiagnosticsException">The runtime provides no events.</exception>
    public static Task<EventPipeSession> StartAsync(EventLevel level, long keywords, int bufferMiB, CancellationToken cancellationToken) =>
        StartAsync(new EventPipeProvider(Provider, level, keywords), requestRundown: false, bufferMiB, cancellationToken);

    /// <summary>Ends a session; events before the end can still be read.</summary>
    /// <exception cref="NoDiagnosticsException">It could not be ended, or had ended before.</exception>
    public static Task StopAsync(EventPipeSession session) =>
        GuardAsync(async () =>
        {
            await session.StopAsync(CancellationToken.None).WaitAsync(LongestStop).ConfigureAwait(false);
            return session;
        });

    /// <summary>Has the runtime describe all its code, and reads the description.</summary>
    /// <param name="subscribe">Subscribes to events; called on the reading thread, before the first event.</param>
    /// <exception cref="NoDiagnosticsException">The runtime provides no events.</exception>
    public static async Task DescribeCodeAsync(Action<ClrRundownTraceEventParser> subscribe)
    {
        // The runtime writes the description when a session ends, so this one asks for no events.
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

    /// <summary>Returns a client of this process.</summary>
    /// <remarks>
    /// By process id, the client takes the newest socket with that id in the temporary directory. Containers that share the directory all
    /// have a process 1, so the kernel is asked for each socket's listener.
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

    /// <summary>Returns whether this process listens on a socket, by the kernel's record of listen(2).</summary>
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
            return false; // its process has ended, or is stalled
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

/// <summary>The runtime provides no events: they are off, its socket is missing, or it ended the session.</summary>
internal sealed class NoDiagnosticsException(Exception cause) : Exception($"the runtime gives no diagnostics: {cause.Message}", cause);
