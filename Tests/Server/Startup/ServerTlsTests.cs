using System.Security.Cryptography;
using DotNettyFraming.Hosting;
using DotNettyFraming.Server;
using DotNettyFraming.Server.Startup;
using DotNettyFraming.Tests.Harness;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace DotNettyFraming.Tests.Server.Startup;

public sealed class ServerTlsTests
{
    [Test]
    public void Broken_new_file_is_one_warning_and_the_next_good_one_is_taken()
    {
        using var certificates = new TestCertificates();
        (string certificate, string key) = certificates.IssueFiles("server");
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        var log = new RecordingLogger();
        using ServerTls tls = ServerTls.Of(new ServerOptions { TlsCertificateFile = certificate, TlsKeyFile = key }, time, log)!;

        File.WriteAllText(certificate, "broken");
        Look(time, times: 5);
        Assert.That(log.Lines.Where(line => line.Level == LogLevel.Warning).Select(line => line.Message), Has.One.Contains(certificate));

        (string renewed, string renewedKey) = certificates.IssueFiles("renewed");
        File.Move(renewed, certificate, overwrite: true);
        Look(time, times: 5); // unusable without its key
        File.Move(renewedKey, key, overwrite: true);
        Look(time, times: 5);

        Assert.That(log.Lines.Count(line => line.Level == LogLevel.Warning), Is.EqualTo(2));
        Assert.That(log.Lines.Last().Message, Does.Contain("CN=renewed"));
    }

    [Test]
    public void Certificate_unreadable_for_a_moment_is_retried_and_logged_once()
    {
        using var certificates = new TestCertificates();
        (string certificate, string key) = certificates.IssueFiles("server");
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        var log = new RecordingLogger();
        using ServerTls tls = ServerTls.Of(new ServerOptions { TlsCertificateFile = certificate, TlsKeyFile = key }, time, log)!;

        // The file becomes readable without a change of its length or time.
        (string renewed, string renewedKey) = certificates.IssueFiles("renewed");
        string good = File.ReadAllText(renewed);
        DateTime written = File.GetLastWriteTimeUtc(renewed);
        File.Move(renewedKey, key, overwrite: true);
        Write(new string(' ', good.Length));
        Look(time, times: 5);
        Assert.That(log.Lines.Count(line => line.Level == LogLevel.Warning), Is.EqualTo(1));

        Write(good);
        Look(time, times: 5);

        Assert.That(log.Lines.Count(line => line.Level == LogLevel.Warning), Is.EqualTo(1));
        Assert.That(
            log.Lines.Count(line => line.Message.Contains("CN=renewed", StringComparison.Ordinal)),
            Is.EqualTo(1),
            "the certificate in use is not loaded again");

        void Write(string text)
        {
            File.WriteAllText(certificate, text);
            File.SetLastWriteTimeUtc(certificate, written);
        }
    }

    [Test]
    public void Certificate_of_the_same_length_and_time_is_noticed()
    {
        using var certificates = new TestCertificates();
        (string certificate, string key) = certificates.IssueFiles("server");
        (string other, string otherKey) = certificates.IssueFiles("renewed");
        (string first, string firstKey) = (certificates.PathOf("link.pem"), certificates.PathOf("link.key"));
        foreach (string file in new[] { certificate, key, other, otherKey })
        {
            // Nix and OSTree give every file this time; the length is made equal.
            File.AppendAllText(file, new string('\n', 4096 - (int)new FileInfo(file).Length));
            File.SetLastWriteTimeUtc(file, DateTime.UnixEpoch.AddSeconds(1));
        }

        File.CreateSymbolicLink(first, certificate);
        File.CreateSymbolicLink(firstKey, key);
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        var log = new RecordingLogger();
        using ServerTls tls = ServerTls.Of(new ServerOptions { TlsCertificateFile = first, TlsKeyFile = firstKey }, time, log)!;

        File.CreateSymbolicLink(first + ".new", other);
        File.CreateSymbolicLink(firstKey + ".new", otherKey);
        File.Move(first + ".new", first, overwrite: true);
        File.Move(firstKey + ".new", firstKey, overwrite: true);
        Look(time, times: 2);

        Assert.That(log.Lines.Last().Message, Does.StartWith("TLS with the certificate of CN=renewed"));
    }

    [TestCase(-1, 0, "expired at ")]
    [TestCase(13, 0, "expires soon, at ")]
    [TestCase(15, 0, null)]
    [TestCase(20, -2, "is not valid before ")]
    public void Certificate_that_clients_refuse_or_soon_will_is_a_warning(int days, int nowInDays, string? fault)
    {
        using var certificates = new TestCertificates();
        TimeSpan validFor = TimeSpan.FromDays(days) + TimeSpan.FromHours(days < 0 ? 12 : 0);
        (string certificate, string key) = certificates.IssueFiles("server", validFor: validFor);
        var log = new RecordingLogger();
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow.AddDays(nowInDays));
        using ServerTls tls = ServerTls.Of(new ServerOptions { TlsCertificateFile = certificate, TlsKeyFile = key }, time, log)!;
        Look(time, times: 3);

        Assert.That(
            Warnings(log),
            fault is null ? Is.Empty : Has.One.StartsWith($"--tls-certificate: the certificate of CN=server {fault}"));
    }

    [Test]
    [Category("Slow")]
    public void Certificate_is_warned_of_while_running_and_again_each_day_until_it_is_replaced()
    {
        using var certificates = new TestCertificates();
        (string certificate, string key) = certificates.IssueFiles("server", validFor: TimeSpan.FromDays(15));
        (string renewed, string renewedKey) = certificates.IssueFiles("renewed");
        var log = new RecordingLogger();
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow) { AutoAdvanceAmount = TimeSpan.Zero };
        using ServerTls tls = ServerTls.Of(new ServerOptions { TlsCertificateFile = certificate, TlsKeyFile = key }, time, log)!;
        Assert.That(Warnings(log), Is.Empty);

        Pass(TimeSpan.FromHours(25));
        Assert.That(Warnings(log).Count(), Is.EqualTo(1));
        Pass(TimeSpan.FromHours(25));
        Assert.That(Warnings(log).Count(), Is.EqualTo(2));
        Assert.That(Warnings(log), Is.All.Contains("expires soon, at"));

        File.Move(renewed, certificate, overwrite: true);
        File.Move(renewedKey, key, overwrite: true);
        Look(time, times: 3);
        Pass(TimeSpan.FromDays(2));
        Assert.That(Warnings(log).Count(), Is.EqualTo(2));

        void Pass(TimeSpan span)
        {
            time.SetUtcNow(time.GetUtcNow() + span);
            Look(time, times: 3);
        }
    }

    private const string Encrypted =
        "--tls-key: '{k}' cannot be used: its private key is encrypted, and there is no option for a password";

    private const string Foreign = "'{c}' cannot be used: its private key is not the key of the certificate in '{c}'";

    private const string WrongOrder =
        "--tls-certificate: '{c}' cannot be used: the key belongs to certificate 2 in the file; "
        + "the server's own certificate must be the first";

    [TestCase("encrypted", Encrypted)]
    [TestCase("encrypted, older form", Encrypted)]
    [TestCase("foreign", "--tls-key: '{k}' cannot be used: its private key is not the key of the certificate in '{c}'")]
    [TestCase("foreign, of another kind", "--tls-key: '{k}' cannot be used: its private key is not the key of the certificate in '{c}'")]
    [TestCase("foreign, in one file", $"--tls-certificate: {Foreign}")]
    [TestCase("none", "--tls-key: '{k}' cannot be used: it has no private key in PEM")]
    [TestCase("order", WrongOrder)]
    [TestCase("order, in one file", WrongOrder)]
    public void Key_that_does_not_fit_is_one_line_that_names_option_and_cause(string kind, string message)
    {
        using var certificates = new TestCertificates();
        (string certificate, string key) = certificates.IssueFiles("server");
        (_, string other) = certificates.IssueFiles("other");
        string text = File.ReadAllText(certificate);
        bool oneFile = kind.EndsWith("in one file", StringComparison.Ordinal);
        using var ecdsa = ECDsa.Create();
        ecdsa.ImportFromPem(File.ReadAllText(key));
        using var rsa = RSA.Create(2048);
        string keyText = kind switch
        {
            "encrypted" => ecdsa.ExportEncryptedPkcs8PrivateKeyPem(
                "secret", new PbeParameters(PbeEncryptionAlgorithm.Aes256Cbc, HashAlgorithmName.SHA256, 1000)),
            "encrypted, older form" =>
                "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END EC PRIVATE KEY-----\n",
            "foreign" or "foreign, in one file" => File.ReadAllText(other),
            "foreign, of another kind" => rsa.ExportPkcs8PrivateKeyPem(),
            "none" => text,
            _ => File.ReadAllText(key),
        };
        text = kind.StartsWith("order", StringComparison.Ordinal) ? $"{File.ReadAllText(certificates.AuthorityFile)}\n{text}" : text;
        File.WriteAllText(certificate, oneFile ? $"{text}\n{keyText}\n" : text);
        File.WriteAllText(key, keyText);

        var options = new ServerOptions { TlsCertificateFile = certificate, TlsKeyFile = oneFile ? null : key };
        string expected = message.Replace("{k}", key, StringComparison.Ordinal).Replace("{c}", certificate, StringComparison.Ordinal);

        Assert.That(
            () => ServerTls.Of(options, TimeProvider.System, new RecordingLogger()),
            Throws.TypeOf<StartupException>().With.Message.StartsWith(expected));
    }

    private static IEnumerable<string> Warnings(RecordingLogger log) =>
        log.Lines.Where(line => line.Level == LogLevel.Warning).Select(line => line.Message);

    private static void Look(FakeTimeProvider time, int times)
    {
        for (int i = 0; i < times; i++)
        {
            time.Advance(ServerTls.Period);
        }
    }
}
