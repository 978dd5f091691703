using System.Diagnostics;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Tests.Harness;

namespace DotNettyFraming.Tests.Server;

/// <summary>FAULTS 23: TLS versions and key updates, with openssl as the client.</summary>
[CancelAfter(60_000)]
public sealed class OpensslTests
{
    [Test]
    [Category("Slow")]
    public async Task Endless_key_updates_without_data_close_the_connection(CancellationToken cancellation)
    {
        using var certificates = new TestCertificates();
        (string certificate, string key) = certificates.IssueFiles("server");
        await using RunningServer server = await RunningServer.StartAsync(
            TransportChoice.Auto, configure: options => options with { TlsCertificateFile = certificate, TlsKeyFile = key });
        using Process client = OpensslClient.Start(server.Endpoint, "-tls1_3", "-CAfile", certificates.AuthorityFile);
        Task output = client.StandardOutput.ReadToEndAsync(cancellation);
        Task errors = client.StandardError.ReadToEndAsync(cancellation);

        // Without the writer's buffer: a failed write is not repeated when the input is closed.
        Stream input = client.StandardInput.BaseStream;
        int updates = 0;
        try
        {
            // openssl takes "K" as a command, to update both keys, only if its read returns nothing else.
            for (; !client.HasExited && server.Counters.Closed(CloseReason.TlsFailed) == 0; updates++)
            {
                await input.WriteAsync("K\n"u8.ToArray(), cancellation);
                await input.FlushAsync(cancellation);
                await Task.Delay(1, cancellation);
            }
        }
        catch (IOException)
        {
            // The client has exited, as expected.
        }

        server.AssertClosed(CloseReason.TlsFailed);
        Assert.That(updates, Is.GreaterThan(900), "a client may update its key now and then");
        client.StandardInput.Close();
        await Task.WhenAll(output, errors);
    }

    [TestCase("tls1", null)]
    [TestCase("tls1_1", null)]
    [TestCase("tls1_2", "TLSv1.2")]
    [TestCase("tls1_3", "TLSv1.3")]
    public async Task Only_TLS_1_2_and_1_3_are_accepted(string version, string? accepted, CancellationToken cancellation)
    {
        using var certificates = new TestCertificates();
        (string certificate, string key) = certificates.IssueFiles("server");
        await using RunningServer server = await RunningServer.StartAsync(
            TransportChoice.Auto, configure: options => options with { TlsCertificateFile = certificate, TlsKeyFile = key });

        // At its default security level openssl does not offer old versions.
        using Process client = OpensslClient.Start(
            server.Endpoint, $"-{version}", "-cipher", "ALL:@SECLEVEL=0", "-CAfile", certificates.AuthorityFile);
        client.StandardInput.Close();
        Task<string> errors = client.StandardError.ReadToEndAsync(cancellation);
        string output = await client.StandardOutput.ReadToEndAsync(cancellation);
        await client.WaitForExitAsync(cancellation);

        server.AssertClosed(accepted is null ? CloseReason.TlsFailed : CloseReason.PeerClosed);
        Assert.That(output, Does.Contain(accepted is null ? "New, (NONE)" : $"New, {accepted}, "));
        Assert.That(output.Contains("Verify return code: 0 (ok)", StringComparison.Ordinal) || accepted is null, output);
        Assert.That(await errors, accepted is null ? Does.Contain("alert protocol version") : Does.Not.Contain("alert"));
    }
}
