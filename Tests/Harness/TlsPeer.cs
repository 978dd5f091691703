using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace DotNettyFraming.Tests.Harness;

/// <summary>A TLS peer with .NET's own stream and a time-out on every operation.</summary>
internal sealed class TlsPeer : IDisposable
{
    private readonly Peer _peer;

    private readonly GluingStream? _glue;

    private TlsPeer(Peer peer, bool glued)
    {
        _peer = peer;
        peer.Socket.ReceiveTimeout = peer.Socket.SendTimeout = (int)Peer.Patience.TotalMilliseconds;
        _glue = glued ? new GluingStream(bytes => peer.Socket.Send(bytes), room => peer.Socket.Receive(room.Span)) : null;
        Stream = new SslStream(
            (Stream?)_glue ?? new NetworkStream(peer.Socket),
            leaveInnerStreamOpen: false,
            (_, certificate, _, _) => certificate is not null);
    }

    public Socket Socket => _peer.Socket;

    public SslStream Stream { get; }

    /// <summary>The subject of the server's certificate.</summary>
    public string ServerName => Stream.RemoteCertificate!.Subject;

    /// <summary>Connects and completes the peer's side of the handshake.</summary>
    /// <param name="server">The server's address.</param>
    /// <param name="protocol">The TLS version.</param>
    /// <param name="certificate">The peer's certificate.</param>
    /// <param name="glued">True = the next data is sent in one piece with the handshake's end.</param>
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
                    // The peer must not fetch the certificates' URLs itself: a test counts such connections.
                    CertificateChainPolicy = new X509ChainPolicy
                    {
                        DisableCertificateDownloads = true,
                        RevocationMode = X509RevocationMode.NoCheck,
                    },
                    ClientCertificateContext = certificate is null
                        ? null
                        : SslStreamCertificateContext.Create(certificate, null, offline: true),
                    AllowTlsResume = false, // each connection must show its own certificate
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

    /// <summary>Receives everything up to the server's close_notify.</summary>
    public async Task<byte[]> ReceiveToEndAsync()
    {
        using var timeout = new CancellationTokenSource(Peer.Patience);
        var bytes = new MemoryStream();
        await Stream.CopyToAsync(bytes, timeout.Token);
        return bytes.ToArray();
    }

    /// <summary>Sends <c>close_notify</c> without a FIN.</summary>
    public async Task EndAsync()
    {
        await Stream.ShutdownAsync().WaitAsync(Peer.Patience);
        _glue?.Release();
    }

    /// <summary>Waits until the server closes or resets the connection.</summary>
    public Task ClosedByServerAsync() => _peer.ClosedByServerAsync();

    public void Dispose()
    {
        Stream.Dispose();
        _peer.Dispose();
    }
}
