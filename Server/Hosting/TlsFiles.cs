using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using DotNettyFraming.Hosting;

namespace DotNettyFraming.Server.Hosting;

/// <summary>Reads what the options of TLS name, and makes of it what a handshake goes by.</summary>
internal static class TlsFiles
{
    /// <summary>Reads the files.</summary>
    /// <exception cref="StartupException">One cannot be read, or does not hold what it should.</exception>
    public static SslServerAuthenticationOptions Read(ServerOptions options)
    {
        var authentication = new SslServerAuthenticationOptions
        {
            ServerCertificateContext = Read("--tls-certificate", options.TlsCertificateFile!, file => ReadCertificate(file, options.TlsKeyFile)),
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            AllowRenegotiation = false, // a peer could have the server compute without end; TLS 1.3 has none
            AllowTlsResume = false, // connections are long; and each is to be judged by the files of now
        };
        if (options.TlsClientCaFile is string ca)
        {
            authentication.ClientCertificateRequired = true;
            authentication.CertificateChainPolicy = Read("--tls-client-ca", ca, ReadClientPolicy);
        }

        return authentication;
    }

    private static SslStreamCertificateContext ReadCertificate(string file, string? keyFile)
    {
        // Each file is opened once before it is given away, so that what cannot be read is told of the option that names it.
        bool isPem = File.ReadAllText(file).Contains("-----BEGIN", StringComparison.Ordinal);
        if (keyFile is not null)
        {
            Read("--tls-key", keyFile, File.ReadAllText);
        }

        X509Certificate2 certificate;
        X509Certificate2Collection others;
        if (isPem || keyFile is not null)
        {
            certificate = X509Certificate2.CreateFromPemFile(file, keyFile);
            others = [];
            others.ImportFromPemFile(file);
        }
        else
        {
            others = X509CertificateLoader.LoadPkcs12CollectionFromFile(file, password: null);
            certificate = others.FirstOrDefault(one => one.HasPrivateKey) ?? throw new CryptographicException("it has no certificate with a key");
        }

        // Offline: intermediate certificates come from the file, and are not fetched.
        return SslStreamCertificateContext.Create(certificate, others, offline: true);
    }

    private static X509ChainPolicy ReadClientPolicy(string file)
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true, // a client's certificate would name the address to fetch from
        };
        policy.CustomTrustStore.ImportFromPemFile(file);
        return policy.CustomTrustStore.Count > 0 ? policy : throw new CryptographicException("it has no certificate in PEM");
    }

    private static T Read<T>(string option, string file, Func<string, T> read)
    {
        try
        {
            return read(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            throw new StartupException($"{option}: '{file}' cannot be used: {e.Message}", e);
        }
    }
}
