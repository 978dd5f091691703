using System.Globalization;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using DotNetty.Buffers;
using DotNettyFraming.Server.Pipeline;
using DotNettyFraming.Server.Pipeline.Tls;
using DotNettyFraming.Server.Startup;
using DotNettyFraming.Tests.Harness;

namespace DotNettyFraming.Tests.Server.Pipeline.Tls;

/// <summary>The server's pipeline with TLS over an embedded channel and .NET's TLS client, all on the test's thread.</summary>
internal sealed class TlsRig : IDisposable
{
    private readonly Func<byte[], IEnumerable<byte[]>> _cut;
    private readonly GluingStream _wire;
    private readonly MemoryStream _answers = new();

    /// <param name="tls">The server's certificate and rules.</param>
    /// <param name="cut">Splits the client's bytes into reads of the server; by default they are one read.</param>
    /// <param name="verify">Runs the verification of client certificates; by default inline.</param>
    public TlsRig(ServerTls tls, Func<byte[], IEnumerable<byte[]>>? cut = null, Action<Action>? verify = null)
    {
        TlsRules rules = tls.Rules;
        if (rules.Verify is not null)
        {
            rules = rules with { Verify = (_, step) => (verify ?? (run => run()))(step) };
        }

        _cut = cut ?? (bytes => [bytes]);
        Server = new HandlerRig(rig =>
        [
            new TlsHandler(rig.Connection, rules),
            rig.Decoder,
            new PrefixValidationHandler(rig.Connection, rig.Log),
            new ProcessingHandler(rig.Connection, Processor, CancellationToken.None),
            new CloseHandler(rig.Connection, rig.Log),
        ]);
        _wire = new GluingStream(Send, Read);
        Client = new SslStream(_wire, leaveInnerStreamOpen: false, (_, certificate, _, _) => certificate is not null);
    }

    public HandlerRig Server { get; }

    public RecordingProcessor Processor { get; } = new();

    public SslStream Client { get; }

    /// <summary>Whether the client has tried to read when no bytes were left.</summary>
    public bool HasRunDry { get; private set; }

    public void Handshake(SslProtocols protocol, X509Certificate2? certificate = null, int alpnBytes = 0) => Client.AuthenticateAsClient(
        new SslClientAuthenticationOptions
        {
            TargetHost = "localhost",
            EnabledSslProtocols = protocol,
            ClientCertificateContext = certificate is null ? null : SslStreamCertificateContext.Create(certificate, null, offline: true),
            AllowTlsResume = false,
            ApplicationProtocols = alpnBytes == 0 ? null : [.. Enumerable.Range(0, alpnBytes / 100).Select(Protocol)],
        });

    private static SslApplicationProtocol Protocol(int number) => new(number.ToString("D99", CultureInfo.InvariantCulture));

    /// <summary>Sends the bytes that the client has written.</summary>
    public void Deliver() => _wire.Release();

    public void Dispose()
    {
        Server.Dispose();
        Client.Dispose();
    }

    private void Send(byte[] bytes)
    {
        SynchronizationContext.SetSynchronizationContext(null); // NUnit has one, an event loop has none
        foreach (byte[] read in _cut(bytes))
        {
            if (read.Length > 0 && Server.Channel.Open)
            {
                Server.Receive(read);
            }
        }
    }

    private int Read(Memory<byte> room)
    {
        while (Server.Channel.ReadOutbound<IByteBuffer>() is { } buffer)
        {
            long at = _answers.Position;
            _answers.Seek(0, SeekOrigin.End);
            _answers.Write(buffer.Array, buffer.ArrayOffset + buffer.ReaderIndex, buffer.ReadableBytes);
            _answers.Position = at;
            buffer.Release();
        }

        int count = _answers.Read(room.Span);
        HasRunDry |= count == 0;
        return count;
    }
}
