using System.Net;
using DotNettyFraming.Tests.Harness;

namespace DotNettyFraming.Tests.Programs;

/// <summary>TLS of the programs: options, files, and the load client against the server.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[CancelAfter(120_000)]
[Category("Slow")]
public sealed class TlsProgramTests : IDisposable
{
    private readonly TestCertificates _certificates = new();

    public void Dispose() => _certificates.Dispose();

    [TestCase("--tls-certificate /nowhere/server.pem", 1, "--tls-certificate: '/nowhere/server.pem' cannot be used: ")]
    [TestCase("--tls-certificate {0}", 1, "--tls-certificate: '{0}' cannot be used: ")]
    [TestCase("--tls-certificate {1} --tls-key /nowhere/key", 1, "--tls-key: '/nowhere/key' cannot be used: ")]
    [TestCase(
        "--tls-certificate {1} --tls-key {2} --tls-client-ca {0}",
        1,
        "--tls-client-ca: '{0}' cannot be used: it has no certificate in PEM")]
    [TestCase("--check --tls-certificate {0}", 1, "--tls-certificate: '{0}' cannot be used: ")]
    [TestCase("--tls-key {2}", 2, "--tls-key: needs --tls-certificate")]
    [TestCase("--tls-client-ca {1}", 2, "--tls-client-ca: needs --tls-certificate")]
    public async Task Unreadable_certificate_or_conflict_is_one_line(string arguments, int exitCode, string message)
    {
        string empty = _certificates.Write("empty.txt", "no certificate");
        (string certificate, string key) = _certificates.IssueFiles("server");
        string Fill(string text) => text.Replace("{0}", empty, StringComparison.Ordinal)
            .Replace("{1}", certificate, StringComparison.Ordinal).Replace("{2}", key, StringComparison.Ordinal);

        using ProgramRun server = ProgramRun.Start("Server", ["--port", "0", "--log-directory", "none", .. Fill(arguments).Split(' ')]);

        Assert.That(await server.ExitAsync(), Is.EqualTo(exitCode), server.Everything);
        Assert.That(server.Errors, Has.Count.EqualTo(1));
        Assert.That(server.Errors.Single(), Does.StartWith(Fill(message)));
        Assert.That(server.Output, Has.None.Contains("listening on"));
    }

    [Test]
    public async Task Load_client_sends_over_tls_and_every_packet_is_processed()
    {
        (string certificate, string key) = _certificates.IssueFiles("server");
        (string device, string deviceKey) = _certificates.IssueFiles("device");
        (ProgramRun run, IPEndPoint endpoint) = await ProgramRun.StartServerAsync(
            "--tls-certificate", certificate, "--tls-key", key, "--tls-client-ca", _certificates.AuthorityFile);
        using ProgramRun server = run;

        using ProgramRun client = ProgramRun.Start(
            "LoadClient",
            [
                "--port", $"{endpoint.Port}", "--log-directory", "none",
                "--connections", "20", "--packets", "100000", "--packets-per-write", "100",
                "--tls", "--tls-ca", _certificates.AuthorityFile, "--tls-certificate", device, "--tls-key", deviceKey,
            ]);
        Assert.That(await client.ExitAsync(), Is.Zero, client.Everything);
        Dictionary<string, long> counters = await server.StopAsync();
        Assert.That(counters["packets.processed"], Is.EqualTo(100_000));
        Assert.That(counters["connections.closed.PeerClosed"], Is.EqualTo(20));
    }
}
