using System.Buffers;

namespace DotNettyFraming.Server.Admin;

/// <summary>The limits of the admin port, so that it cannot take throughput from the data port.</summary>
/// <remarks>
/// Requests above the rate wait and are not refused: a flood costs as much as <see cref="RequestsPerSecond"/> requests, and a legitimate
/// client waits a second or two. Requests for <c>/health/</c> never wait.
/// </remarks>
internal static class AdminLimits
{
    /// <summary>Open connections without health checks; more are closed. A browser uses six, Prometheus one.</summary>
    public const int Connections = 64;

    /// <summary>Open connections of one IPv4 address or IPv6 /64, so that other addresses have room.</summary>
    public const int ConnectionsPerAddress = 48;

    /// <summary>Open connections of health checks; the next closes the oldest.</summary>
    public const int HealthConnections = 32;

    /// <summary>Connections that wait for their turn; the next closes the oldest.</summary>
    public const int Waiting = 128;

    /// <summary>Connections accepted per second, after a burst of <see cref="Waiting"/>; most only wait.</summary>
    public const int AcceptsPerSecond = 500;

    /// <summary>Connections handed to Kestrel per second, after a burst of <see cref="Connections"/>.</summary>
    /// <remarks>Measured: 50 per second take 8 % of a core.</remarks>
    public const int ConnectionsPerSecond = 25;

    /// <summary>The listen backlog: half a second at <see cref="AcceptsPerSecond"/>.</summary>
    public const int Backlog = 256;

    /// <summary>Requests per second, after a burst of <see cref="RequestBurst"/>. The live page sends one per second.</summary>
    /// <remarks>Measured: 50 per second take 7 to 11 % of a core, whatever the path.</remarks>
    public const int RequestsPerSecond = 25;

    /// <summary>Requests without waiting: several pages with all their files.</summary>
    public const int RequestBurst = 100;

    /// <summary>Bytes of a request's body: all requests are GET.</summary>
    public const long RequestBodyBytes = 0;

    /// <summary>Bytes of a request's first line.</summary>
    public const int RequestLineBytes = 4 * 1024;

    /// <summary>Bytes of a request's headers; a browser sends about 1 KiB.</summary>
    public const int RequestHeaderBytes = 16 * 1024;

    /// <summary>Header lines of a request.</summary>
    public const int RequestHeaders = 50;

    /// <summary>The time for a request's headers: a slow peer holds one of <see cref="Connections"/> no longer.</summary>
    public static readonly TimeSpan HeadersTimeout = TimeSpan.FromSeconds(5);

    /// <summary>The time between two requests of a connection: above Prometheus's default interval of 15 s.</summary>
    public static readonly TimeSpan KeepAliveTimeout = TimeSpan.FromSeconds(30);

    /// <summary>Bytes per second at which a peer must read an answer; Kestrel's default.</summary>
    public const double ResponseBytesPerSecond = 240;

    /// <summary>The time for which it may read less; Kestrel's default.</summary>
    public static readonly TimeSpan ResponseGrace = TimeSpan.FromSeconds(5);

    /// <summary>The time that pending answers have when the server stops.</summary>
    public static readonly TimeSpan StopTimeout = TimeSpan.FromMilliseconds(500);

    /// <summary>Returns whether a path is a health check.</summary>
    public static bool IsHealth(string? path) => path?.StartsWith("/health/", StringComparison.OrdinalIgnoreCase) == true;

    /// <summary>Returns whether a request that starts with these bytes is a health check; null if more bytes are needed.</summary>
    public static bool? StartsHealthRequest(ReadOnlySequence<byte> bytes)
    {
        ReadOnlySpan<byte> get = "GET /health/"u8;
        ReadOnlySpan<byte> head = "HEAD /health/"u8;
        Span<byte> start = stackalloc byte[(int)Math.Min(bytes.Length, head.Length)];
        bytes.Slice(0, start.Length).CopyTo(start);
        return start.StartsWith(get) || start.StartsWith(head) ? true
            : get.StartsWith(start) || head.StartsWith(start) ? null
            : false;
    }
}
