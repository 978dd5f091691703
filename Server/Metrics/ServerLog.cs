using System.Net;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Server.Metrics;

/// <summary>Every event that the server logs.</summary>
/// <remarks>
/// Lifecycle is Information, the server's own faults are Errors. A peer's misbehaviour is Debug and a counter, so that no peer can fill a
/// disk. A peer's bytes are logged at Trace only.
/// </remarks>
internal static partial class ServerLog
{
    /// <summary>The category whose lines <c>nlog.config</c> writes to standard output immediately, without a queue.</summary>
    public const string LifecycleCategory = "DotNettyFraming.Server.Lifecycle";

    /// <summary>The category of <c>processed N packets</c>, exempt from the log's limit: <see cref="ProgressReport"/> bounds it.</summary>
    public const string ProgressCategory = "DotNettyFraming.Server.Progress";

    /// <summary>The category of decrypted bytes received and sent, logged at Trace through DotNetty.</summary>
    public const string BytesCategory = "DotNettyFraming.Server.Bytes";

    [LoggerMessage(1, LogLevel.Information, "listening on {Endpoint}")]
    public static partial void Listening(this ILogger logger, string endpoint);

    [LoggerMessage(
        2, LogLevel.Information, "{Transport} transport, {EventLoops} event loops, backlog {Backlog}, payloads up to {MaxPayload} bytes")]
    public static partial void Configured(this ILogger logger, string transport, int eventLoops, int backlog, int maxPayload);

    [LoggerMessage(
        6, LogLevel.Information,
        "open-file limit {OpenFiles}, at most {Connections} connections, {Buffered} for unfinished packets; worst-case memory {WorstCase}")]
    public static partial void Capacity(this ILogger logger, string openFiles, int connections, string buffered, string worstCase);

    [LoggerMessage(3, LogLevel.Information, "stopping: no new connections; draining {Open} for at most {Timeout}")]
    public static partial void Draining(this ILogger logger, long open, string timeout);

    [LoggerMessage(4, LogLevel.Warning, "drain time-out: {Open} connections closed by force, {Packets} packets dropped")]
    public static partial void DrainExpired(this ILogger logger, long open, long packets);

    [LoggerMessage(5, LogLevel.Information, "stopped: {Counters}")]
    public static partial void Stopped(this ILogger logger, string counters);

    [LoggerMessage(7, LogLevel.Information, "TLS with the certificate of {Subject}, valid until {Until}")]
    public static partial void CertificateInUse(this ILogger logger, string subject, string until);

    [LoggerMessage(
        8, LogLevel.Information, "socket activation: serving on descriptor {Descriptor}; --address, --port and --backlog are ignored")]
    public static partial void Activated(this ILogger logger, int descriptor);

    [LoggerMessage(9, LogLevel.Warning, "NOTIFY_SOCKET: {State} could not be sent to the service manager: {Why}")]
    public static partial void NotNotified(this ILogger logger, string state, string why);

    [LoggerMessage(
        12, LogLevel.Error, "the listening socket {Endpoint} is lost: {Why}; no connection can arrive, stopping with exit code 1")]
    public static partial void ListenerLost(this ILogger logger, string endpoint, string why);

    [LoggerMessage(11, LogLevel.Information, "admin HTTP at {Url}")]
    public static partial void AdminReady(this ILogger logger, Uri url);

    [LoggerMessage(10, LogLevel.Information, "processed {Packets} packets")]
    public static partial void PacketsProcessed(this ILogger logger, long packets);

    [LoggerMessage(20, LogLevel.Debug, "connection {Id} from {Peer} closed: {Reason}")]
    public static partial void ConnectionClosed(this ILogger logger, long id, EndPoint? peer, CloseReason reason);

    [LoggerMessage(21, LogLevel.Debug, "connection {Id} from {Peer}: {Fault} at byte {Offset} (found {Found})")]
    public static partial void ProtocolFault(this ILogger logger, long id, EndPoint? peer, CloseReason fault, long offset, long found);

    [LoggerMessage(22, LogLevel.Debug, "connection {Id} from {Peer}: TLS failed: {Fault}")]
    public static partial void TlsFault(this ILogger logger, long id, EndPoint? peer, string fault);

    [LoggerMessage(25, LogLevel.Debug, "connection {Id} from {Sender} is that of {Peer}")]
    public static partial void PeerIdentified(this ILogger logger, long id, EndPoint? sender, EndPoint? peer);

    [LoggerMessage(26, LogLevel.Debug, "connection {Id} from {Sender}: PROXY header {Fault}")]
    public static partial void ProxyHeaderFault(this ILogger logger, long id, EndPoint? sender, string fault);

    [LoggerMessage(30, LogLevel.Error, "processing failed on connection {Id} from {Peer}")]
    public static partial void ProcessingFailed(this ILogger logger, Exception exception, long id, EndPoint? peer);

    [LoggerMessage(31, LogLevel.Error, "unexpected error on connection {Id} from {Peer}")]
    public static partial void UnexpectedError(this ILogger logger, Exception exception, long id, EndPoint? peer);

    [LoggerMessage(32, LogLevel.Error, "the packet processor did not stop")]
    public static partial void ProcessorNotStopped(this ILogger logger, Exception exception);

    [LoggerMessage(40, LogLevel.Warning, "{Warning}")]
    public static partial void OptionWarning(this ILogger logger, string warning);

    [LoggerMessage(41, LogLevel.Warning, "the files of TLS have changed, but are not used: {Fault}")]
    public static partial void CertificateNotUsed(this ILogger logger, string fault);

    [LoggerMessage(42, LogLevel.Warning, "--tls-certificate: the certificate of {Subject} {Fault}")]
    public static partial void CertificateValidity(this ILogger logger, string subject, string fault);

    [LoggerMessage(50, LogLevel.Information, "--memory-profile: recording allocations, for {File}")]
    public static partial void RecordingAllocations(this ILogger logger, string file);

    [LoggerMessage(51, LogLevel.Information, "--memory-profile: {Bytes} bytes in {File}")]
    public static partial void MemoryProfileWritten(this ILogger logger, int bytes, string file);

    [LoggerMessage(60, LogLevel.Information, "store {Directory} of node {Node}: {Segments} segments, next chunk {Chunk}, {Findings}")]
    public static partial void StoreOpened(this ILogger logger, string directory, string node, int segments, long chunk, string findings);

    [LoggerMessage(61, LogLevel.Warning, "store: {Finding}")]
    public static partial void StoreDamaged(this ILogger logger, string finding);

    [LoggerMessage(62, LogLevel.Information, "store: {Finding}")]
    public static partial void StoreRecovered(this ILogger logger, string finding);

    [LoggerMessage(63, LogLevel.Error, "the store failed: {Why}; nothing is acknowledged any more, stopping with exit code 1")]
    public static partial void StoreFailed(this ILogger logger, string why);

    [LoggerMessage(64, LogLevel.Warning, "the store cannot write for now: {Why}; it tries again each second")]
    public static partial void StorePaused(this ILogger logger, string why);

    [LoggerMessage(65, LogLevel.Information, "the store goes on after {Seconds} s")]
    public static partial void StoreResumed(this ILogger logger, long seconds);

    [LoggerMessage(66, LogLevel.Information, "store: {Segment} deleted, {Bytes} bytes; its newest packet was received at {Newest}")]
    public static partial void SegmentDeleted(this ILogger logger, string segment, long bytes, DateTimeOffset newest);

    [LoggerMessage(70, LogLevel.Information, "forwarding to {Stream} at {Server}, behind {Last}")]
    public static partial void Forwarding(this ILogger logger, string stream, string server, string last);

    [LoggerMessage(71, LogLevel.Warning, "forwarding waits: {Why}; the store keeps everything until it goes on")]
    public static partial void ForwardingWaits(this ILogger logger, string why);

    [LoggerMessage(72, LogLevel.Information, "forwarding goes on after {Seconds} s")]
    public static partial void ForwardingGoesOn(this ILogger logger, long seconds);

    [LoggerMessage(73, LogLevel.Error, "forwarding is refused: {Why}")]
    public static partial void ForwardingRefused(this ILogger logger, string why);

    [LoggerMessage(74, LogLevel.Error, "{Stream} has lost entries, its last one is {Last}: sending again from chunk {Next}; {Missing}")]
    public static partial void StreamRewound(this ILogger logger, string stream, string last, long next, string missing);

    [LoggerMessage(75, LogLevel.Error, "not forwarded: {Why}")]
    public static partial void ChunkNotForwarded(this ILogger logger, string why);
}
