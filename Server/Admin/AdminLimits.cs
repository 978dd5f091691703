namespace DotNettyFraming.Server.Admin;

/// <summary>What the admin port gives to whoever reaches it, at most: it has to leave the data port's throughput alone.</summary>
/// <remarks>
/// Nothing is refused for coming too often: it waits for its turn, so a flood costs what <see cref="RequestsPerSecond"/> requests cost, and
/// an honest caller among the flooders waits a second or two. Connections beyond what is accepted wait in the kernel, which is free.
/// </remarks>
internal static class AdminLimits
{
    /// <summary>Connections open at once; the next is closed. A browser has six, Prometheus one.</summary>
    public const int Connections = 64;

    /// <summary>New connections a second, after a burst of <see cref="Connections"/>. Measured: 50 a second take 8 % of a core.</summary>
    public const int ConnectionsPerSecond = 25;

    /// <summary>Connections that the kernel keeps waiting.</summary>
    public const int Backlog = 64;

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
}
