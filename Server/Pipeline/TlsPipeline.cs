using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using DotNetty.Handlers.Tls;
using DotNetty.Transport.Channels;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Server.Pipeline;

/// <summary>Puts the handlers of TLS into the pipeline of a new connection.</summary>
/// <remarks>Any thread.</remarks>
/// <param name="options">What a handshake that begins now goes by.</param>
/// <param name="handshakeTimeout">How long a handshake may take.</param>
/// <param name="time">Measures it.</param>
/// <param name="logger">Where faults of peers go.</param>
internal sealed class TlsPipeline(Func<SslServerAuthenticationOptions> options, TimeSpan handshakeTimeout, TimeProvider time, ILogger logger)
{
    /// <summary>Adds them behind what is there already, and before the decoder comes.</summary>
    public void AddTo(IChannelPipeline pipeline, Connection connection)
    {
        SslServerAuthenticationOptions current = options();
        ServerSslStream? stream = null;
        var tls = new TlsHandler(
            inner => stream = new ServerSslStream(new UnwaitedWrites(inner), current),
            new ServerTlsSettings(CertificateOf(current), current.ClientCertificateRequired, false, current.EnabledSslProtocols));
        connection.Handshake = new TlsHandshake(time, handshakeTimeout);
        pipeline
            .AddLast("tls-records", new TlsRecordHandler(connection, stream!, logger))
            .AddLast("tls", tls)
            .AddLast("tls-handshake", new TlsHandshakeHandler(connection, stream!, logger));
    }

    private static X509Certificate2 CertificateOf(SslServerAuthenticationOptions options) => options.ServerCertificateContext!.TargetCertificate;
}
