using System.Diagnostics;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Tests.Harness;

namespace DotNettyFraming.Tests.Server;

/// <summary>FAULTS 23: which versions of TLS the server speaks, asked by a program that is not .NET.</summary>
[CancelAfter(60_000)]
public sealed class OpensslTests
{
    [Test]
    [Category("Slow")]
    public async Task Key_updates_without_end_and_without_data_are_not_answered_for_ever(CancellationToken cancellation)
    {
        string openssl = InstalledProgram.Find("openssl");
        using var certificates = new TestCertificates();
        (string certificate, string key) = certificates.IssueFiles("server");
        await using RunningServer server = await RunningServer.StartAsync(
            TransportChoice.Auto, configure: options => options with { TlsCertificateFile = certificate, TlsKeyFile = key });
        var start = new ProcessStartInfo(openssl, ["s_client", "-connect", $"{server.Endpoint}", "-tls1_3", "-CAfile", certificates.AuthorityFile])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process client = Process.Start(start)!;
        Task output = client.StandardOutput.ReadToEndAsync(cancellation);
        Task errors = client.StandardError.ReadToEndAsync(cancellation);

        // Without the writer's buffer: what cannot be written is not tried again when the input is closed.
        Stream input = client.StandardInput.BaseStream;
        int updates = 0;
        try
        {
            // A line each, and each read by itself: "K" asks for a new key, and for one of the server's in answer.
            for (; !client.HasExited && server.Counters.Closed(CloseReason.TlsFailed) == 0; updates++)
            {
                await input.WriteAsync("K\n"u8.ToArray(), cancellation);
                await input.FlushAsync(cancellation);
                await Task.Delay(1, cancellation);
            }
        }
        catch (IOException)
        {
            // It has ended, as it should.
        }

        server.AssertClosed(CloseReason.TlsFailed);
        Assert.That(updates, Is.GreaterThan(900), "a few are none of our business");
        client.StandardInput.Close();
        await Task.WhenAll(output, errors);
    }

    [TestCase("tls1", null)]
    [TestCase("tls1_1", null)]
    [TestCase("tls1_2", "TLSv1.2")]
    [TestCase("tls1_3", "TLSv1.3")]
    public async Task Version_is_accepted_from_1_2_on(string version, string? accepted, CancellationToken cancellation)
    {
        string openssl = InstalledProgram.Find("openssl");
        using var certificates = new TestCertificates();
        (string certificate, string key) = certificates.IssueFiles("server");
        await using RunningServer server = await RunningServer.StartAsync(
            TransportChoice.Auto, configure: options => options with { TlsCertificateFile = certificate, TlsKeyFile = key });

        // Its own security level would keep it from asking for what is old.
        var start = new ProcessStartInfo(
            openssl, ["s_client", "-connect", $"{server.Endpoint}", $"-{version}", "-cipher", "ALL:@SECLEVEL=0", "-CAfile", certificates.AuthorityFile])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process client = Process.Start(start)!;
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
