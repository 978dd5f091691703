using System.Buffers;

namespace DotNettyFraming.Server.Admin;

/// <summary>The limits of the admin port, which keep it from taking throughput from the data port.</summary>
/// <remarks>
/// Requests above the pace are not refused but wait, so a flood costs what <see cref="RequestsPerSecond"/> requests cost, and a legitimate
/// caller among the flooders waits a second or two. Requests for <c>/health/</c> wait for nothing.
/// </remarks>
internal static class AdminLimits
{
    /// <summary>Open connections, health checks aside; the next is closed. A browser has six, Prometheus one.</summary>
    public const int Connections = 64;

    /// <summary>Open connections of one IPv4 address or IPv6 /64, health checks aside: leaves room for other addresses.</summary>
    public const int ConnectionsPerAddress = 48;

    /// <summary>Open connections of health checks; the next closes the oldest.</summary>
    public const int HealthConnections = 32;

    /// <summary>Connections that wait for their turn; the next closes the oldest.</summary>
    public const int Waiting = 128;

    /// <summary>Connections accepted per second, after a burst of <see cref="Waiting"/>; most only wait.</summary>
    public const int AcceptsPerSecond = 500;

    /// <summary>Connections that get their turn per second, after a burst of <see cref="Connections"/>.
    /// Measured: 50 per second take 8 % of a core.</summary>
    public const int ConnectionsPerSecond = 25;

    /// <summary>Connections that the kernel keeps waiting: at <see cref="AcceptsPerSecond"/>, half a second of them.</summary>
    public const int Backlog = 256;

    /// <summary>Requests a second, after a burst of <see cref="RequestBurst"/>. The page makes one, a Prometheus a fifteenth, a load
    /// balancer's check one or two. Measured: 50 a second take 7 to 11 % of a core, whatever is asked.</summary>
    public const int RequestsPerSecond = 25;

    /// <summary>Requests that may come at once: a page with all that it loads.</summary>
    public const int RequestBurst = 100;

    /// <summary>Bytes of a request's body: they are all GET.</summary>
    public const long RequestBodyBytes = 0;

    /// <summary>Bytes of a request's first line.</summary>
    public const int RequestLineBytes = 4 * 1024;

    /// <summary>Bytes of a request's headers; a browser sends some 1 KiB.</summary>
    public const int RequestHeaderBytes = 16 * 1024;

    /// <summary>Header lines of a request.</summary>
    public const int RequestHeaders = 50;

    /// <summary>How long a request's headers may take: a slow peer holds one of <see cref="Connections"/> no longer.</summary>
    public static readonly TimeSpan HeadersTimeout = TimeSpan.FromSeconds(5);

    /// <summary>How long a connection may stay without a request: above Prometheus's usual interval of 15 s.</summary>
    public static readonly TimeSpan KeepAliveTimeout = TimeSpan.FromSeconds(30);

    /// <summary>Bytes a second at which a peer must take an answer, Kestrel's own default.</summary>
    public const double ResponseBytesPerSecond = 240;

    /// <summary>How long it may take less, Kestrel's own default.</summary>
    public static readonly TimeSpan ResponseGrace = TimeSpan.FromSeconds(5);

    /// <summary>How long answers under way may take when the server ends.</summary>
    public static readonly TimeSpan StopTimeout = TimeSpan.FromMilliseconds(500);

    /// <summary>Whether a path is that of a health check.</summary>
    public static bool IsHealth(string? path) => path?.StartsWith("/health/", StringComparison.OrdinalIgnoreCase) == true;

    /// <summary>Whether a request that starts with these bytes is a health check; null where more bytes have to say.</summary>
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
