using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace DotNettyFraming.Tests.Harness;

/// <summary>A peer that encrypts, with .NET's own stream. Everything it does has a time-out.</summary>
internal sealed class TlsPeer : IDisposable
{
    private readonly Peer _peer;

    private readonly GluingStream? _glue;

    private TlsPeer(Peer peer, bool glued)
    {
        _peer = peer;
        peer.Socket.ReceiveTimeout = peer.Socket.SendTimeout = (int)Peer.Patience.TotalMilliseconds;
        _glue = glued ? new GluingStream(bytes => peer.Socket.Send(bytes), room => peer.Socket.Receive(room.Span)) : null;
        Stream = new SslStream((Stream?)_glue ?? new NetworkStream(peer.Socket), leaveInnerStreamOpen: false, (_, certificate, _, _) => certificate is not null);
    }

    public Socket Socket => _peer.Socket;

    public SslStream Stream { get; }

    /// <summary>The name in the server's certificate.</summary>
    public string ServerName => Stream.RemoteCertificate!.Subject;

    /// <summary>Connects and completes the handshake, as far as the peer's side can tell.</summary>
    /// <param name="server">Where to.</param>
    /// <param name="protocol">The version.</param>
    /// <param name="certificate">The peer's own.</param>
    /// <param name="glued">What is sent next goes in one piece with the handshake's end.</param>
    public static async Task<TlsPeer> ConnectAsync(
        IPEndPoint server, SslProtocols protocol = SslProtocols.None, X509Certificate2? certificate = null, bool glued = false)
    {
        var peer = new TlsPeer(await Peer.ConnectAsync(server), glued);
        using var timeout = new CancellationTokenSource(Peer.Patience);
        try
        {
            await peer.Stream.AuthenticateAsClientAsync(
                new SslClientAuthenticationOptions
                {
                    TargetHost = "localhost",
                    EnabledSslProtocols = protocol,
                    // The peer itself fetches nothing of what the certificates name.
                    CertificateChainPolicy = new X509ChainPolicy { DisableCertificateDownloads = true, RevocationMode = X509RevocationMode.NoCheck },
                    ClientCertificateContext = certificate is null ? null : SslStreamCertificateContext.Create(certificate, null, offline: true),
                    AllowTlsResume = false, // each connection is to show its own certificate
                },
                timeout.Token);
            return peer;
        }
        catch
        {
            peer.Dispose();
            throw;
        }
    }

    public async Task SendAsync(ReadOnlyMemory<byte> bytes)
    {
        using var timeout = new CancellationTokenSource(Peer.Patience);
        await Stream.WriteAsync(bytes, timeout.Token);
        _glue?.Release();
    }

    /// <summary>Says that nothing more will come (close_notify), without a FIN.</summary>
    public async Task EndAsync()
    {
        await Stream.ShutdownAsync().WaitAsync(Peer.Patience);
        _glue?.Release();
    }

    /// <summary>Waits until the server ends the connection, in whichever way.</summary>
    public Task ClosedByServerAsync() => _peer.ClosedByServerAsync();

    public void Dispose()
    {
        Stream.Dispose();
        _peer.Dispose();
    }
}
