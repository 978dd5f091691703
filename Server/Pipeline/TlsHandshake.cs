namespace DotNettyFraming.Server.Pipeline;

/// <summary>How far a connection's TLS handshake is, until it is complete. The sweep of its event loop asks <see cref="IsOverdue"/>.</summary>
/// <remarks>Its time begins when the connection is accepted. Threads: the connection's event loop.</remarks>
internal sealed class TlsHandshake(TimeProvider time, TimeSpan timeout)
{
    private readonly long _accepted = time.GetTimestamp();

    /// <summary>Whether the peer has sent anything. One that goes without a byte has looked whether somebody listens; no handshake failed.</summary>
    public bool HasBegun { get; set; }

    /// <summary>Whether it should have been complete by now.</summary>
    public bool IsOverdue => time.GetElapsedTime(_accepted) >= timeout;
}
