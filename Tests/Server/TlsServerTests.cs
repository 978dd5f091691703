using DotNettyFraming.Hosting.Options;
using DotNettyFraming.Server;
using DotNettyFraming.Server.Processing;
using DotNettyFraming.Tests.Harness;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Tests.Server;

/// <summary>The base of TLS tests, with the authority that signs the certificates of the server and its clients.</summary>
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
        IPacketProcessor? processor = null,
        bool asksForCertificate = false,
        string? fetchFrom = null,
        Func<ServerOptions, ServerOptions>? configure = null)
    {
        (string certificate, string key) = Certificates.IssueFiles("server", fetchFrom: fetchFrom);
        return RunningServer.StartAsync(Transport, processor, options => (configure?.Invoke(options) ?? options) with
        {
            TlsCertificateFile = certificate,
            TlsKeyFile = key,
            TlsClientCaFile = asksForCertificate ? Certificates.AuthorityFile : null,
        });
    }

    /// <summary>Asserts that no action of a peer was logged above Debug.</summary>
    private protected static void AssertQuietLog(RunningServer server) => Assert.That(
        server.Log.Lines.Where(line => line.Level > LogLevel.Debug).Select(line => line.Message),
        Is.All.Matches("^(TLS with the certificate of CN=server|stopping)"));
}
