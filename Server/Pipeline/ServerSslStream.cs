using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace DotNettyFraming.Server.Pipeline;

/// <summary>
/// The stream that decrypts behind DotNetty's <c>TlsHandler</c>, with two things that the handler lacks: it knows no chain policy,
/// so its call is turned into the one that does; and it keeps the end of the stream (close_notify) to itself.
/// </summary>
/// <remarks>Threads: the connection's event loop.</remarks>
internal sealed class ServerSslStream(Stream inner, SslServerAuthenticationOptions options) : SslStream(inner, leaveInnerStreamOpen: true)
{
    private Task<int>? _lastRead;

    /// <summary>Whether the peer has said that nothing more will come.</summary>
    public bool HasEnded => _lastRead is { IsCompletedSuccessfully: true, Result: 0 };

    /// <summary>Whether the handshake has been begun, which the peer's first whole record does.</summary>
    public bool HasBegun { get; private set; }

    /// <inheritdoc/>
    public override Task AuthenticateAsServerAsync(
        X509Certificate serverCertificate,
        bool clientCertificateRequired,
        SslProtocols enabledSslProtocols,
        bool checkCertificateRevocation)
    {
        HasBegun = true;
        return AuthenticateAsServerAsync(options);
    }

    /// <inheritdoc/>
    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        _lastRead = base.ReadAsync(buffer, offset, count, cancellationToken);
}
