using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using DotNettyFraming.Hosting;

namespace DotNettyFraming.Server.Startup;

/// <summary>The certificate files of the TLS options, read into the settings of a handshake.</summary>
internal static class TlsFiles
{
    /// <summary>Reads the files.</summary>
    /// <exception cref="StartupException">A file cannot be read or used.</exception>
    public static SslServerAuthenticationOptions Read(ServerOptions options)
    {
        var authentication = new SslServerAuthenticationOptions
        {
            ServerCertificateContext = Read(
                "--tls-certificate", options.TlsCertificateFile!, file => ReadCertificate(file, options.TlsKeyFile)),
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            AllowRenegotiation = false, // with TLS 1.2 a peer could make the server compute endlessly
            AllowTlsResume = false, // connections are long, and each is checked against the current files
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
        string text = File.ReadAllText(file);
        string? key = keyFile is null ? null : Read("--tls-key", keyFile, ReadKey);
        X509Certificate2 certificate;
        X509Certificate2Collection others;
        if (key is not null || text.Contains("-----BEGIN", StringComparison.Ordinal))
        {
            key ??= ReadKey(file);
            others = [];
            others.ImportFromPem(text);
            certificate = WithKey(others, key, file, keyFile);
        }
        else
        {
            others = ReadPfx(file);
            certificate = others.FirstOrDefault(one => one.HasPrivateKey)
                ?? throw new CryptographicException("it has no certificate with a key");
        }

        // Offline: intermediate certificates come from the file and are not downloaded.
        return SslStreamCertificateContext.Create(certificate, others, offline: true);
    }

    private static X509Certificate2Collection ReadPfx(string file)
    {
        try
        {
            return X509CertificateLoader.LoadPkcs12CollectionFromFile(file, password: null);
        }
        catch (CryptographicException e)
        {
            throw new CryptographicException($"it is neither PEM nor a PFX without a password ({e.Message})", e);
        }
    }

    /// <summary>Returns the PEM block of the private key.</summary>
    private static string ReadKey(string file)
    {
        string text = File.ReadAllText(file);
        for (ReadOnlySpan<char> rest = text; PemEncoding.TryFind(rest, out PemFields found); rest = rest[found.Location.End..])
        {
            ReadOnlySpan<char> label = rest[found.Label];
            if (label.SequenceEqual("ENCRYPTED PRIVATE KEY"))
            {
                throw Encrypted();
            }

            if (label.EndsWith("PRIVATE KEY"))
            {
                return rest[found.Location].ToString();
            }
        }

        // PemEncoding does not find blocks with header lines, OpenSSL's older form.
        throw text.Contains("Proc-Type: 4,ENCRYPTED", StringComparison.Ordinal)
            ? Encrypted()
            : new CryptographicException("it has no private key in PEM");

        static CryptographicException Encrypted() =>
            new("its private key is encrypted, and there is no option for a password; openssl pkey -in FILE -out FILE decrypts it");
    }

    /// <summary>Returns the first certificate with its key; if they do not match, throws with the cause.</summary>
    private static X509Certificate2 WithKey(X509Certificate2Collection certificates, string key, string file, string? keyFile)
    {
        if (certificates.Count == 0)
        {
            throw new CryptographicException("it has no certificate in PEM");
        }

        if (TryPair(certificates[0], key, out Exception? fault) is { } first)
        {
            return first;
        }

        for (int i = 1; i < certificates.Count; i++)
        {
            using X509Certificate2? pair = TryPair(certificates[i], key, out _);
            if (pair is not null)
            {
                throw new CryptographicException(
                    $"the key belongs to certificate {i + 1} in the file; the server's own certificate must be the first");
            }
        }

        string cause = $"its private key is not the key of the certificate in '{file}' ({fault!.Message})";
        throw keyFile is null ? new CryptographicException(cause, fault) : Fault("--tls-key", keyFile, cause, fault);
    }

    private static X509Certificate2? TryPair(X509Certificate2 certificate, string key, out Exception? fault)
    {
        fault = null;
        try
        {
            return X509Certificate2.CreateFromPem(certificate.ExportCertificatePem(), key);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            fault = e;
            return null;
        }
    }

    private static X509ChainPolicy ReadClientPolicy(string file)
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true, // a client's certificate would name the address
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
            throw Fault(option, file, e.Message, e);
        }
    }

    private static StartupException Fault(string option, string file, string cause, Exception inner) =>
        new($"{option}: '{file}' cannot be used: {cause}", inner);
}
