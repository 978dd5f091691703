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

/// <summary>TLS for every connection of a run: 1.2 or 1.3, with what <c>--tls-ca</c> and <c>--tls-certificate</c> say.</summary>
/// <remarks>
/// The server's certificate must be valid for <c>--host</c> and signed by the CA given, or else by one that this machine trusts. Nothing
/// is fetched to check it: neither revocation lists nor missing certificates.
/// </remarks>
internal sealed class ClientTls
{
    private const SslProtocols Protocols = SslProtocols.Tls12 | SslProtocols.Tls13;

    private static readonly AttributeKey<SslStream> StreamKey = AttributeKey<SslStream>.ValueOf("tls-stream");

    private readonly string _host;
    private readonly List<X509Certificate> _certificates = [];
    private readonly X509ChainPolicy _policy = new() { RevocationMode = X509RevocationMode.NoCheck, DisableCertificateDownloads = true };

    private ClientTls(string host) => _host = host;

    /// <summary>Reads the files.</summary>
    /// <returns>Null without <c>--tls</c>.</returns>
    /// <exception cref="StartupException">A file cannot be read, or holds no certificate or no key.</exception>
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
            tls._certificates.Add(Read("--tls-certificate", certificate, () => options.TlsKeyFile is not null || IsPem(certificate)
                ? X509Certificate2.CreateFromPemFile(certificate, options.TlsKeyFile)
                : X509CertificateLoader.LoadPkcs12FromFile(certificate, password: null)));
        }

        return tls;
    }

    /// <summary>Puts TLS in front of a new channel's handlers.</summary>
    public void AddTo(IChannel channel) => channel.Pipeline.AddFirst("tls", new TlsHandler(
        stream =>
        {
            var ssl = new PolicySslStream(stream, _policy);
            channel.GetAttribute(StreamKey).Set(ssl);
            return ssl;
        },
        new ClientTlsSettings(Protocols, checkCertificateRevocation: false, _certificates, _host)));

    /// <summary>Says that nothing more will be sent (close_notify). The channel's FIN comes behind it.</summary>
    public static Task EndOutputAsync(IChannel channel) => channel.GetAttribute(StreamKey).Get() is { IsAuthenticated: true } stream
        ? stream.ShutdownAsync()
        : Task.CompletedTask;

    private static bool IsPem(string file) => File.ReadAllText(file).Contains("-----BEGIN", StringComparison.Ordinal);

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

    /// <summary>DotNetty's handler knows no chain policy; its call is turned into the one that does.</summary>
    private sealed class PolicySslStream(Stream stream, X509ChainPolicy policy) : SslStream(stream, leaveInnerStreamOpen: true)
    {
        public override Task AuthenticateAsClientAsync(
            string targetHost,
            X509CertificateCollection? clientCertificates,
            SslProtocols enabledSslProtocols,
            bool checkCertificateRevocation) => AuthenticateAsClientAsync(new SslClientAuthenticationOptions
            {
                TargetHost = targetHost,
                ClientCertificates = clientCertificates,
                EnabledSslProtocols = enabledSslProtocols,
                CertificateChainPolicy = policy.Clone(),
            });
    }
}
