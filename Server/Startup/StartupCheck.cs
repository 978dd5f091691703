using System.Globalization;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.Server.Pipeline.Tls;

namespace DotNettyFraming.Server.Startup;

/// <summary>Compares what was asked for with what the machine gives.</summary>
internal static class StartupCheck
{
    /// <summary>Descriptors that a server at rest has open itself, and a few to spare: 143 to 209 were seen.</summary>
    private const int OwnFiles = 256;

    /// <summary>Memory of a connection at rest, bytes: 2.0 to 2.2 KiB were measured.</summary>
    private const long ConnectionBytes = 2304;

    /// <summary>What encryption adds to a connection, bytes, most of it OpenSSL's. Measured: 53 KiB (4,000 open).</summary>
    private const long TlsBytes = 54 * 1024;

    /// <summary>Memory of the server at rest, bytes.</summary>
    private const long OwnBytes = 64L * 1024 * 1024;

    /// <summary>What the server can come to use: itself, its connections, what they may hold, what may wait to be processed.</summary>
    public static long WorstCaseBytes(ServerOptions options)
    {
        long connectionBytes = options.TlsCertificateFile is null
            ? ConnectionBytes
            : ConnectionBytes + TlsBytes + TlsHandler.UnchargedBytes(options.TlsClientCaFile is not null);
        return OwnBytes + (options.MaxConnections * connectionBytes) + options.MaxBufferedBytes + (options.EventLoops * options.MaxPendingBytes);
    }

    /// <summary>What does not fit, a line each. The server runs all the same.</summary>
    public static IEnumerable<string> Warnings(ServerOptions options, MachineLimits machine)
    {
        if (machine.OpenFiles is long files && options.MaxConnections > files - OwnFiles)
        {
            yield return $"--max-connections {options.MaxConnections}: the limit of {files} open files leaves room for about "
                + $"{Math.Max(0, files - OwnFiles)}; raise it with ulimit -n, or LimitNOFILE= in a systemd unit";
        }

        if (machine.MostBacklog is int most && options.Backlog > most)
        {
            yield return $"--backlog {options.Backlog}: the kernel caps it at net.core.somaxconn, {most}";
        }

        if (WorstCaseBytes(options) > machine.MemoryBytes)
        {
            yield return $"--max-connections {options.MaxConnections}, --max-buffered {SizeText.Format(options.MaxBufferedBytes)}: at worst "
                + $"{InMiB(WorstCaseBytes(options))} would be used, and there are {InMiB(machine.MemoryBytes)}";
        }
    }

    /// <summary>Bytes as a log line has them.</summary>
    public static string InMiB(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / (1024 * 1024)} MiB");
}
