using DotNettyFraming.Server.Limits;

namespace DotNettyFraming.Server.Pipeline.Tls;

/// <summary>What TLS of one connection counts for in the <see cref="BufferBudget"/>.</summary>
internal sealed class TlsMemory(Connection connection, bool withCertificates)
{
    /// <summary>The buffers of SslStream for a handshake and for a record without data: 4 and 16 KiB, as the pool rounds them up.</summary>
    private const int HandshakeBufferBytes = 8 * 1024;
    private const int ReadBufferBytes = 32 * 1024;

    /// <summary>Memory per byte of a handshake, which OpenSSL keeps as long as the connection. Measured with 400 connections:
    /// ALPN 3.2; a chain 3.6 (RSA) to 7.8 (ECDSA); a certificate made for the purpose (a SAN of empty names) 53.</summary>
    private const int HelloFactor = 4;
    private const int ChainFactor = 8;
    private const int ForeignFactor = 56;

    /// <summary>Memory held.</summary>
    public int HeldBytes { get; private set; }

    /// <summary>A step of the handshake has run on another thread, so certificates may be held.</summary>
    public bool MayHoldCertificates { get; set; }

    /// <summary>The last whole records carried no data; SslStream keeps its buffer then.</summary>
    public bool IsReadBufferKept { get; set; }

    /// <summary>Returns the memory of a handshake that is not charged, as the start-up line counts it.</summary>
    public static int UnchargedBytes(bool withCertificates) => withCertificates ? 4 * 1024 * ChainFactor : 2 * 1024 * HelloFactor;

    /// <summary>Returns the memory that the handshake keeps.</summary>
    public int BytesFor(TlsHandshake handshake)
    {
        if (!handshake.HasStarted)
        {
            return 0;
        }

        if (!handshake.IsComplete)
        {
            return HandshakeBufferBytes + ((MayHoldCertificates ? ForeignFactor : HelloFactor) * handshake.Bytes);
        }

        int kept = withCertificates
            ? (ChainFactor * handshake.Bytes) + ((ForeignFactor - ChainFactor) * handshake.ForeignBytes)
            : HelloFactor * handshake.Bytes;
        return Math.Max(0, kept - UnchargedBytes(withCertificates)) + (IsReadBufferKept ? ReadBufferBytes : 0);
    }

    /// <summary>Reports a change to the budget.</summary>
    public void Charge(int bytes)
    {
        int change = bytes - HeldBytes;
        if (change != 0)
        {
            HeldBytes = bytes;
            connection.HeldBeforePackets(change);
        }
    }
}
