using DotNettyFraming.Hosting.Options;
using DotNettyFraming.Tests.Harness;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Tests.Server;

/// <summary>A server with TLS, and the authority whose certificates it and its clients have.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public abstract class TlsServerTests(TransportChoice transport) : IDisposable
{
    protected TransportChoice Transport { get; } = transport;

    private protected TestCertificates Certificates { get; } = new();

    public void Dispose()
    {
        Certificates.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected Task<RunningServer> StartAsync(
        RecordingProcessor? processor = null, bool asksForCertificate = false, string? fetchFrom = null)
    {
        (string certificate, string key) = Certificates.IssueFiles("server", fetchFrom: fetchFrom);
        return RunningServer.StartAsync(Transport, processor, options => options with
        {
            TlsCertificateFile = certificate,
            TlsKeyFile = key,
            TlsClientCaFile = asksForCertificate ? Certificates.AuthorityFile : null,
        });
    }

    /// <summary>Whatever a peer does is worth no line that anybody would see.</summary>
    private protected static void AssertQuietLog(RunningServer server) => Assert.That(
        server.Log.Lines.Where(line => line.Level > LogLevel.Debug).Select(line => line.Message),
        Is.All.Matches("^(TLS with the certificate of CN=server|stopping)"));
}
