using DotNettyFraming.Server.Hosting;
using DotNettyFraming.Tests.Harness;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace DotNettyFraming.Tests.Server.Hosting;

public sealed class ServerTlsTests
{
    [Test]
    public void Broken_new_file_is_one_warning_and_the_next_good_one_is_taken()
    {
        using var certificates = new TestCertificates();
        (string certificate, string key) = certificates.IssueFiles("server");
        var time = new FakeTimeProvider();
        var log = new RecordingLogger();
        using ServerTls tls = ServerTls.Of(new ServerOptions { TlsCertificateFile = certificate, TlsKeyFile = key }, time, log)!;

        File.WriteAllText(certificate, "broken");
        Look(time, times: 5);
        Assert.That(log.Lines.Where(line => line.Level == LogLevel.Warning).Select(line => line.Message), Has.One.Contains(certificate));

        (string renewed, string renewedKey) = certificates.IssueFiles("renewed");
        File.Move(renewed, certificate, overwrite: true);
        Look(time, times: 5); // without its key it is of no use
        File.Move(renewedKey, key, overwrite: true);
        Look(time, times: 5);

        Assert.That(log.Lines.Count(line => line.Level == LogLevel.Warning), Is.EqualTo(2));
        Assert.That(log.Lines.Last().Message, Does.Contain("CN=renewed"));
    }

    [Test]
    public void What_could_not_be_read_for_a_moment_is_tried_again_and_told_once()
    {
        using var certificates = new TestCertificates();
        (string certificate, string key) = certificates.IssueFiles("server");
        var time = new FakeTimeProvider();
        var log = new RecordingLogger();
        using ServerTls tls = ServerTls.Of(new ServerOptions { TlsCertificateFile = certificate, TlsKeyFile = key }, time, log)!;

        // Readable later without a change that shows: the fault was none of the file's.
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
        Assert.That(log.Lines.Count(line => line.Message.Contains("CN=renewed", StringComparison.Ordinal)), Is.EqualTo(1), "once in force it is let be");

        void Write(string text)
        {
            File.WriteAllText(certificate, text);
            File.SetLastWriteTimeUtc(certificate, written);
        }
    }

    private static void Look(FakeTimeProvider time, int times)
    {
        for (int i = 0; i < times; i++)
        {
            time.Advance(ServerTls.Period);
        }
    }
}
