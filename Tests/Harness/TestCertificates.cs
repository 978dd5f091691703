using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace DotNettyFraming.Tests.Harness;

/// <summary>A certificate authority for one test, with a folder for its files that is deleted with it.</summary>
internal sealed class TestCertificates : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("framing-tls-").FullName;
    private readonly X509Certificate2 _authority;

    /// <summary>Creates the authority, signed by <paramref name="issuer"/> or by itself.</summary>
    public TestCertificates(string name = "authority", TestCertificates? issuer = null)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        if (issuer is null)
        {
            _authority = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(30));
        }
        else
        {
            using X509Certificate2 signed = request.Create(
                issuer._authority, issuer._authority.NotBefore, issuer._authority.NotAfter, RandomNumberGenerator.GetBytes(8));
            _authority = signed.CopyWithPrivateKey(key);
        }

        AuthorityFile = Write("ca.pem", _authority.ExportCertificatePem());
    }

    /// <summary>The PEM file of the authority's certificate.</summary>
    public string AuthorityFile { get; }

    /// <summary>Returns a path in the folder.</summary>
    public string PathOf(string file) => Path.Combine(_folder, file);

    /// <summary>Writes a file into the folder and returns its path.</summary>
    public string Write(string file, string text)
    {
        File.WriteAllText(PathOf(file), text);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(PathOf(file), UnixFileMode.UserRead | UnixFileMode.UserWrite); // a key that others can read is a warning
        }

        return PathOf(file);
    }

    /// <summary>Returns a certificate with its key, for 127.0.0.1, ::1 and localhost or for another host.</summary>
    /// <param name="name">The common name.</param>
    /// <param name="host">The other host.</param>
    /// <param name="validFor">The time from now until it expires; negative = expired.</param>
    /// <param name="fetchFrom">The URL that it gives for its issuer, revocation list and status.</param>
    public X509Certificate2 Issue(string name = "peer", string? host = null, TimeSpan? validFor = null, string? fetchFrom = null)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(host ?? "localhost");
        if (host is null)
        {
            names.AddIpAddress(IPAddress.Loopback);
            names.AddIpAddress(IPAddress.IPv6Loopback);
        }

        request.CertificateExtensions.Add(names.Build());
        if (fetchFrom is not null)
        {
            request.CertificateExtensions.Add(new X509AuthorityInformationAccessExtension([fetchFrom], [fetchFrom]));
            request.CertificateExtensions.Add(CertificateRevocationListBuilder.BuildCrlDistributionPointExtension([fetchFrom]));
        }

        DateTimeOffset starts = _authority.NotBefore;
        DateTimeOffset ends = validFor is { } time ? DateTimeOffset.UtcNow + time : _authority.NotAfter;
        using X509Certificate2 signed = request.Create(_authority, starts, ends, RandomNumberGenerator.GetBytes(8));
        return signed.CopyWithPrivateKey(key);
    }

    /// <summary>Writes a new certificate and its key as two PEM files.</summary>
    public (string Certificate, string Key) IssueFiles(
        string name = "peer", string? host = null, TimeSpan? validFor = null, string? fetchFrom = null)
    {
        using X509Certificate2 certificate = Issue(name, host, validFor, fetchFrom);
        return (
            Write($"{name}.pem", certificate.ExportCertificatePem()),
            Write($"{name}.key", certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem()));
    }

    public void Dispose()
    {
        _authority.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}
