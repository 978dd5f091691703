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

    private static void Look(FakeTimeProvider time, int times)
    {
        for (int i = 0; i < times; i++)
        {
            time.Advance(ServerTls.Period);
        }
    }
}
