using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace DotNettyFraming.Tests.Harness;

/// <summary>A certificate authority made for one test, with what it signs as files; nothing of it outlives the test.</summary>
internal sealed class TestCertificates : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("framing-tls-").FullName;
    private readonly X509Certificate2 _authority;

    /// <summary>Makes the authority.</summary>
    /// <param name="name">Its common name.</param>
    /// <param name="issuer">The authority that signs this one; null = it signs itself.</param>
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

    /// <summary>The authority's certificate, PEM.</summary>
    public string AuthorityFile { get; }

    /// <summary>A path in the folder that goes with the test.</summary>
    public string PathOf(string file) => Path.Combine(_folder, file);

    /// <summary>Writes a file into the folder that goes with the test.</summary>
    public string Write(string file, string text)
    {
        File.WriteAllText(PathOf(file), text);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(PathOf(file), UnixFileMode.UserRead | UnixFileMode.UserWrite); // a key that others can read is a warning
        }

        return PathOf(file);
    }

    /// <summary>A certificate for 127.0.0.1, ::1 and localhost, or for another host, with its key.</summary>
    /// <param name="name">Its common name.</param>
    /// <param name="host">The host, if another.</param>
    /// <param name="validFor">How long from now; negative = it is expired.</param>
    /// <param name="fetchFrom">Where it says that its issuer, its revocation list and its status can be fetched.</param>
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

        DateTimeOffset begins = _authority.NotBefore;
        DateTimeOffset ends = validFor is { } time ? DateTimeOffset.UtcNow + time : _authority.NotAfter;
        using X509Certificate2 signed = request.Create(_authority, begins, ends, RandomNumberGenerator.GetBytes(8));
        return signed.CopyWithPrivateKey(key);
    }

    /// <summary>A certificate and its key as two PEM files.</summary>
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
