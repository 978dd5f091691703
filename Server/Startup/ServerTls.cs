using System.Globalization;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using DotNettyFraming.Hosting;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Server.Pipeline.Tls;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Server.Startup;

/// <summary>The server's TLS: certificate, key and clients' CA, read at start and again when a file changes.</summary>
/// <remarks>
/// New connections use the newest files; open connections keep theirs. Unusable files are logged once and change nothing. Thread-safe.
/// </remarks>
internal sealed class ServerTls : IDisposable
{
    /// <summary>The time between two checks of the files.</summary>
    public static readonly TimeSpan Period = TimeSpan.FromSeconds(2);

    // certbot renews 30 days before the end: 14 days before, its renewal has failed for 16.
    private static readonly TimeSpan ExpiresSoon = TimeSpan.FromDays(14);

    private static readonly TimeSpan WarnAgain = TimeSpan.FromDays(1);

    private readonly ServerOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly FileWatch _watch;
    private readonly ITimer _validity;
    private SslServerAuthenticationOptions _authentication = null!; // set by the watch's first read
    private string? _warned;
    private DateTimeOffset _warnedAt;

    private ServerTls(ServerOptions options, TimeProvider time, ILogger logger)
    {
        _options = options;
        _time = time;
        _logger = logger;
        string[] files = [.. new[] { options.TlsCertificateFile, options.TlsKeyFile, options.TlsClientCaFile }.OfType<string>()];
        _watch = new FileWatch(files, Period, time, Read, e => logger.CertificateNotUsed(ControlCharacters.Escape(e.Message)));
        Action<System.Net.IPAddress?, Action>? verify =
            options.TlsClientCaFile is null ? null : new VerificationQueue(Math.Max(1, Environment.ProcessorCount / 2)).Add;
        Rules = new TlsRules(() => Volatile.Read(ref _authentication), logger, verify);
        _validity = time.CreateTimer(_ => WarnOfValidity(), null, Period, Period);
    }

    /// <summary>The rules for new connections.</summary>
    public TlsRules Rules { get; }

    /// <summary>Reads the files that the options name; returns null without <c>--tls-certificate</c>.</summary>
    /// <exception cref="StartupException">A file cannot be read or used.</exception>
    public static ServerTls? Of(ServerOptions options, TimeProvider time, ILogger logger)
    {
        if (options.TlsCertificateFile is null)
        {
            return null;
        }

        string key = options.TlsKeyFile ?? options.TlsCertificateFile;
        if (PrivateFile.IsReadableByOthers(key))
        {
            logger.OptionWarning($"--tls-key: other users can read '{key}'");
        }

        return new ServerTls(options, time, logger);
    }

    /// <summary>Stops checking.</summary>
    public void Dispose()
    {
        _validity.Dispose();
        _watch.Dispose();
    }

    private void Read()
    {
        Volatile.Write(ref _authentication, TlsFiles.Read(_options));
        X509Certificate2 certificate = Certificate;
        _logger.CertificateInUse(ControlCharacters.Escape(certificate.Subject), InUtc(certificate.NotAfter));
        _warned = null;
        WarnOfValidity();
    }

    private X509Certificate2 Certificate => Volatile.Read(ref _authentication).ServerCertificateContext!.TargetCertificate;

    /// <summary>Logs a certificate that clients refuse or soon will: when that starts, and once per day.</summary>
    private void WarnOfValidity()
    {
        X509Certificate2 certificate = Certificate;
        DateTimeOffset now = _time.GetUtcNow();
        string? fault = now < certificate.NotBefore ? $"is not valid before {InUtc(certificate.NotBefore)}"
            : now >= certificate.NotAfter ? $"expired at {InUtc(certificate.NotAfter)}"
            : now >= certificate.NotAfter - ExpiresSoon ? $"expires soon, at {InUtc(certificate.NotAfter)}"
            : null;
        if (fault is not null && (fault != _warned || now - _warnedAt >= WarnAgain))
        {
            _logger.CertificateValidity(ControlCharacters.Escape(certificate.Subject), fault);
            _warnedAt = now;
        }

        _warned = fault;
    }

    private static string InUtc(DateTime time) =>
        time.ToUniversalTime().ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture);
}
