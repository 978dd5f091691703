using System.Globalization;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using DotNettyFraming.CommandLine;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Server.Pipeline.Tls;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Server.Hosting;

/// <summary>The server's TLS: certificate, key and clients' CA, read at the start and again when a file changes.</summary>
/// <remarks>
/// <para>New connections get what was read last; those that are there already keep what they have. What cannot be used is told once,
/// and what was read before stays in force.</para>
/// <para>Looks every 2 s, and reads what has not changed between two looks: a certificate and its key are replaced one after the other.
/// Thread-safe.</para>
/// </remarks>
internal sealed class ServerTls : IDisposable
{
    /// <summary>How often it looks at the files.</summary>
    public static readonly TimeSpan Period = TimeSpan.FromSeconds(2);

    private readonly ServerOptions _options;
    private readonly ILogger _logger;
    private readonly string[] _files;
    private readonly Lock _lock = new();
    private readonly ITimer _timer;
    private SslServerAuthenticationOptions _authentication;
    private FileStamp?[] _current;
    private FileStamp?[] _lastSeen;

    /// <summary>The files as they were when they could not be used, which has been told; null when what was read last is in force.</summary>
    private FileStamp?[]? _refused;
    private bool _disposed;

    private ServerTls(ServerOptions options, TimeProvider time, ILogger logger)
    {
        _options = options;
        _logger = logger;
        _files = [.. new[] { options.TlsCertificateFile, options.TlsKeyFile, options.TlsClientCaFile }.OfType<string>()];
        _current = _lastSeen = Stamps();
        _authentication = TlsFiles.Read(options);
        Rules = new TlsRules(() => Volatile.Read(ref _authentication), logger);
        LogCertificate();
        _timer = time.CreateTimer(_ => Look(), null, Period, Period);
    }

    /// <summary>For the connections that are accepted.</summary>
    public TlsRules Rules { get; }

    /// <summary>Reads the files that the options name.</summary>
    /// <returns>Null without <c>--tls-certificate</c>.</returns>
    /// <exception cref="StartupException">A file cannot be read, or does not hold what it should.</exception>
    public static ServerTls? Of(ServerOptions options, TimeProvider time, ILogger logger) =>
        options.TlsCertificateFile is null ? null : new ServerTls(options, time, logger);

    /// <summary>Looks no more.</summary>
    public void Dispose()
    {
        _timer.Dispose();
        lock (_lock)
        {
            _disposed = true;
        }
    }

    private FileStamp?[] Stamps() => [.. _files.Select(FileStamp.Of)];

    private void Look()
    {
        lock (_lock)
        {
            FileStamp?[] seen = Stamps();
            bool isAtRest = seen.SequenceEqual(_lastSeen);
            _lastSeen = seen;
            if (!_disposed && isAtRest && !seen.Contains(null) && !seen.SequenceEqual(_current))
            {
                ReadAgain(seen);
            }
        }
    }

    /// <summary>Reads what differs from what is in force. What fails is tried at each look: the reason may have been none of the file's.</summary>
    private void ReadAgain(FileStamp?[] seen)
    {
        try
        {
            Volatile.Write(ref _authentication, TlsFiles.Read(_options));
            _current = seen;
            _refused = null;
            LogCertificate();
        }
        catch (Exception e)
        {
            // Any kind: this is a timer's thread, and no edit of a file may end the program. What was in force stays.
            if (_refused is null || !seen.SequenceEqual(_refused))
            {
                _refused = seen;
                _logger.CertificateNotUsed(ControlCharacters.Escape(e.Message));
            }
        }
    }

    private void LogCertificate()
    {
        X509Certificate2 certificate = _authentication.ServerCertificateContext!.TargetCertificate;
        _logger.CertificateInUse(
            ControlCharacters.Escape(certificate.Subject),
            certificate.NotAfter.ToUniversalTime().ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture));
    }
}
