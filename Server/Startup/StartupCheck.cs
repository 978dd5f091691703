using System.Globalization;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Server.Pipeline.Tls;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Server.Startup;

/// <summary>A comparison of the options with the limits of the machine.</summary>
internal static class StartupCheck
{
    // Descriptors of a server at rest. Measured: 143 to 209.
    private const int OwnFiles = 256;

    // Memory of a connection at rest. Measured: 2.0 to 2.2 KiB.
    private const long ConnectionBytes = 2304;

    // Memory that TLS adds to a connection, most of it OpenSSL's. Measured: 53 KiB (4,000 open).
    private const long TlsBytes = 54 * 1024;

    // Memory of the server at rest.
    private const long OwnBytes = 64L * 1024 * 1024;

    /// <summary>Logs the server's configuration and capacity, and what the machine cannot satisfy.</summary>
    public static void Report(ServerOptions options, string transportName, ILogger logger)
    {
        MachineLimits machine = MachineLimits.Read();
        logger.Configured(transportName, options.EventLoops, options.Backlog, options.AcceptedPayloadBytes);
        logger.Capacity(
            machine.OpenFiles is long files ? $"{files}" : "unknown",
            options.MaxConnections,
            SizeText.Format(options.MaxBufferedBytes),
            InMiB(WorstCaseBytes(options)));
        foreach (string warning in Warnings(options, machine))
        {
            logger.OptionWarning(warning);
        }
    }

    /// <summary>Returns the memory that the server can use at most: itself, connections, unfinished packets, pending batches.</summary>
    public static long WorstCaseBytes(ServerOptions options)
    {
        long connectionBytes = options.TlsCertificateFile is null
            ? ConnectionBytes
            : ConnectionBytes + TlsBytes + TlsMemory.UnchargedBytes(options.TlsClientCaFile is not null);
        long pendingBytes = options.EventLoops * options.MaxPendingBytes;
        return OwnBytes + (options.MaxConnections * connectionBytes) + options.MaxBufferedBytes + pendingBytes;
    }

    /// <summary>Returns one line per option that the machine cannot satisfy; the server runs anyway.</summary>
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
            yield return $"--max-connections {options.MaxConnections}, --max-buffered {SizeText.Format(options.MaxBufferedBytes)}: "
                + $"at worst {InMiB(WorstCaseBytes(options))} would be used, and there are {InMiB(machine.MemoryBytes)}";
        }
    }

    private static string InMiB(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / (1024 * 1024)} MiB");
}
