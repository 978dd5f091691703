using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using DotNetty.Common.Utilities;
using DotNetty.Handlers.Tls;
using DotNetty.Transport.Channels;
using DotNettyFraming.Hosting;
using DotNettyFraming.LoadClient.Options;

namespace DotNettyFraming.LoadClient.Connecting;

/// <summary>TLS 1.2 or 1.3 for every connection of a run, with the files of <c>--tls-ca</c> and <c>--tls-certificate</c>.</summary>
/// <remarks>
/// The server's certificate must be valid for <c>--host</c>, and signed by the CA given or else by one that this machine trusts. The
/// check fetches nothing: no revocation lists and no missing certificates.
/// </remarks>
internal sealed class ClientTls
{
    private const SslProtocols Protocols = SslProtocols.Tls12 | SslProtocols.Tls13;
    private static readonly AttributeKey<SslStream> StreamKey = AttributeKey<SslStream>.ValueOf("tls-stream");

    private readonly string _host;
    private SslStreamCertificateContext? _certificate;
    private readonly X509ChainPolicy _policy = new() { RevocationMode = X509RevocationMode.NoCheck, DisableCertificateDownloads = true };

    private ClientTls(string host) => _host = host;

    /// <summary>Reads the files; null without <c>--tls</c>.</summary>
    /// <exception cref="StartupException">A file cannot be read, or has no certificate or no key.</exception>
    public static ClientTls? Of(LoadOptions options)
    {
        if (!options.Tls)
        {
            return null;
        }

        var tls = new ClientTls(options.Host);
        if (options.TlsCaFile is string ca)
        {
            tls._policy.TrustMode = X509ChainTrustMode.CustomRootTrust;
            Read("--tls-ca", ca, () =>
            {
                tls._policy.CustomTrustStore.ImportFromPemFile(ca);
                return tls._policy.CustomTrustStore.Count > 0 ? ca : throw new CryptographicException("it has no certificate in PEM");
            });
        }

        if (options.TlsCertificateFile is string certificate)
        {
            tls._certificate = Read("--tls-certificate", certificate, () => ReadCertificate(certificate, options.TlsKeyFile));
        }

        return tls;
    }

    public void AddTo(IChannel channel) => channel.Pipeline.AddFirst("tls", new TlsHandler(
        stream =>
        {
            var ssl = new PolicySslStream(stream, _policy, _certificate);
            channel.GetAttribute(StreamKey).Set(ssl);
            return ssl;
        },
        new ClientTlsSettings(Protocols, checkCertificateRevocation: false, [], _host)));

    /// <summary>Sends close_notify; the channel's FIN follows it.</summary>
    public static Task EndOutputAsync(IChannel channel) => channel.GetAttribute(StreamKey).Get() is { IsAuthenticated: true } stream
        ? stream.ShutdownAsync()
        : Task.CompletedTask;

    /// <summary>Reads the client's certificate and the intermediate ones in the same file, which are sent too.</summary>
    private static SslStreamCertificateContext ReadCertificate(string file, string? keyFile)
    {
        X509Certificate2 certificate;
        X509Certificate2Collection others;
        if (keyFile is not null || File.ReadAllText(file).Contains("-----BEGIN", StringComparison.Ordinal))
        {
            certificate = X509Certificate2.CreateFromPemFile(file, keyFile);
            others = [];
            others.ImportFromPemFile(file);
        }
        else
        {
            others = X509CertificateLoader.LoadPkcs12CollectionFromFile(file, password: null);
            certificate = others.FirstOrDefault(one => one.HasPrivateKey)
                ?? throw new CryptographicException("it has no certificate with a key");
        }

        // Offline: a missing intermediate is not fetched from the address that the certificate names.
        return SslStreamCertificateContext.Create(certificate, others, offline: true);
    }

    private static T Read<T>(string option, string file, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            throw new StartupException($"{option}: '{file}' cannot be used: {e.Message}", e);
        }
    }

    /// <summary>A stream that adds a chain policy to the call of DotNetty's handler, which has none.</summary>
    private sealed class PolicySslStream(Stream stream, X509ChainPolicy policy, SslStreamCertificateContext? certificate)
        : SslStream(stream, leaveInnerStreamOpen: true)
    {
        public override Task AuthenticateAsClientAsync(
            string targetHost,
            X509CertificateCollection? clientCertificates,
            SslProtocols enabledSslProtocols,
            bool checkCertificateRevocation) => AuthenticateAsClientAsync(new SslClientAuthenticationOptions
            {
                TargetHost = targetHost,
                ClientCertificateContext = certificate,
                EnabledSslProtocols = enabledSslProtocols,
                CertificateChainPolicy = policy.Clone(),
            });
    }
}
