using System.Diagnostics;
using System.Formats.Asn1;
using System.Numerics;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Tests.Harness;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Server;

/// <summary>FAULTS 42: client certificates made to cost time or memory, sent by openssl.</summary>
[CancelAfter(60_000)]
public sealed class CertificateChainTests() : TlsServerTests(TransportChoice.Auto)
{
    // Measured: 70 certificates are 94 KB and cost 0.84 s of CPU to verify. 10 fit within a handshake's limit.
    [TestCase(70, "a handshake of more than 16384 bytes")]
    [TestCase(9, "")]
    public async Task Expensive_chains_do_not_block_the_event_loop(int length, string fault, CancellationToken cancellation)
    {
        string chain = WriteChain(length);
        string leafKey = Certificates.PathOf("leaf.key");
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        File.WriteAllText(leafKey, key.ExportPkcs8PrivateKeyPem());
        string leaf = Certificates.Write("leaf.pem", Certificate("leaf", "c0", key.ExportSubjectPublicKeyInfo()));
        (string own, string ownKey) = Certificates.IssueFiles("server");
        await using RunningServer server = await RunningServer.StartAsync(Transport, configure: options => options with
        {
            EventLoops = 1, // shared with the other peer
            TlsCertificateFile = own,
            TlsKeyFile = ownKey,
            TlsClientCaFile = Certificates.AuthorityFile,
        });
        using X509Certificate2 device = Certificates.Issue("device");
        using TlsPeer peer = await TlsPeer.ConnectAsync(server.Endpoint, SslProtocols.Tls13, device);

        Task attack = Task.WhenAll(Enumerable.Range(0, 2).Select(async _ =>
        {
            for (int i = 0; i < 4; i++)
            {
                await SendChainAsync(server, leaf, leafKey, chain, cancellation);
            }
        }));
        List<double> latencies = [];
        while (!attack.IsCompleted)
        {
            long start = Stopwatch.GetTimestamp();
            await peer.SendAsync(Article);
            int sent = latencies.Count + 1;
            Eventually.That(() => server.Counters.PacketsProcessed, Is.EqualTo(sent));
            latencies.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }

        await attack;
        server.AssertClosed(CloseReason.TlsFailed, 8);
        latencies.Sort();
        TestContext.Out.WriteLine(
            $"other peer: {latencies.Count} packets, p50 {latencies[latencies.Count / 2]:F1} ms, longest {latencies[^1]:F1} ms");
        Assert.That(latencies[latencies.Count / 2], Is.LessThan(50), "p50 of the other peer, ms");
        Assert.That(latencies[latencies.Count * 9 / 10], Is.LessThan(400), "p90 of the other peer, ms: half of what one chain of 70 takes");
        Assert.That(server.Log.Lines.Select(line => line.Message).Where(line => line.Contains(": TLS failed: ", StringComparison.Ordinal)),
            Has.Exactly(8).Items.And.All.Contains($": TLS failed: {fault}"));
        AssertQuietLog(server);
    }

    [Test]
    public async Task Certificates_outside_the_chain_count_against_the_budget(CancellationToken cancellation)
    {
        (string device, string deviceKey) = Certificates.IssueFiles("device");
        string chain = WriteChain(8);
        await using RunningServer server = await StartAsync(asksForCertificate: true);

        using Process client = Start(server, device, deviceKey, chain);
        Task output = Task.WhenAll(client.StandardOutput.ReadToEndAsync(cancellation), client.StandardError.ReadToEndAsync(cancellation));
        await client.StandardInput.BaseStream.WriteAsync(Article, cancellation);
        await client.StandardInput.BaseStream.FlushAsync(cancellation);
        Eventually.That(() => server.Counters.PacketsProcessed, Is.EqualTo(1));

        // 8 × 1.3 KB, 56 bytes each.
        Eventually.That(() => server.Counters.BytesAllocated, Is.InRange(500_000L, 700_000L));
        client.Kill(); // with -quiet it continues after the end of its input
        await output;
        Eventually.That(() => server.Counters.BytesAllocated, Is.Zero);
    }

    private string WriteChain(int length) =>
        Certificates.Write("chain.pem", string.Concat(Enumerable.Range(0, length).Select(i => Expensive($"c{i}", $"c{i + 1}"))));

    private static async Task SendChainAsync(RunningServer server, string leaf, string key, string chain, CancellationToken cancellation)
    {
        using Process client = Start(server, leaf, key, chain);
        await Task.WhenAll(client.StandardOutput.ReadToEndAsync(cancellation), client.StandardError.ReadToEndAsync(cancellation));
        await client.WaitForExitAsync(cancellation);
    }

    private static Process Start(RunningServer server, string leaf, string key, string chain) =>
        OpensslClient.Start(server.Endpoint, "-quiet", "-tls1_3", "-cert", leaf, "-key", key, "-cert_chain", chain);

    /// <summary>Returns a certificate whose RSA exponent is as long as its modulus, 3072 bits, which makes verifying slow.</summary>
    private static string Expensive(string name, string issuer)
    {
        byte[] modulus = RandomNumberGenerator.GetBytes(384), exponent = RandomNumberGenerator.GetBytes(384);
        modulus[0] |= 0x80;
        modulus[^1] |= 1;
        exponent[0] = (byte)((exponent[0] & 0x7F) | 0x40);
        exponent[^1] |= 1;
        var inner = new AsnWriter(AsnEncodingRules.DER);
        using (inner.PushSequence())
        {
            inner.WriteInteger(new BigInteger(modulus, isUnsigned: true, isBigEndian: true));
            inner.WriteInteger(new BigInteger(exponent, isUnsigned: true, isBigEndian: true));
        }

        var outer = new AsnWriter(AsnEncodingRules.DER);
        using (outer.PushSequence())
        {
            using (outer.PushSequence())
            {
                outer.WriteObjectIdentifier("1.2.840.113549.1.1.1");
                outer.WriteNull();
            }

            outer.WriteBitString(inner.Encode());
        }

        return Certificate(name, issuer, outer.Encode());
    }

    /// <summary>Returns a certificate signed with random bytes.</summary>
    private static string Certificate(string name, string issuer, byte[] publicKey)
    {
        var request = new CertificateRequest(
            new X500DistinguishedName($"CN={name}"), PublicKey.CreateFromSubjectPublicKeyInfo(publicKey, out _), HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using X509Certificate2 certificate = request.Create(
            new X500DistinguishedName($"CN={issuer}"),
            new RandomSignature(),
            DateTimeOffset.UtcNow.AddDays(-1),
            DateTimeOffset.UtcNow.AddDays(10),
            [1]);
        return certificate.ExportCertificatePem() + "\n";
    }

    private sealed class RandomSignature : X509SignatureGenerator
    {
        public override byte[] GetSignatureAlgorithmIdentifier(HashAlgorithmName hashAlgorithm) =>
            Convert.FromHexString("300D06092A864886F70D01010B0500"); // sha256WithRSAEncryption

        public override byte[] SignData(byte[] data, HashAlgorithmName hashAlgorithm) => RandomNumberGenerator.GetBytes(384);

        protected override PublicKey BuildPublicKey() => throw new NotSupportedException();
    }
}
