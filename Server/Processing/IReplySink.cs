namespace DotNettyFraming.Server.Processing;

/// <summary>The sending side of a <see cref="PacketSource"/>: a connection, or a test's record. Any thread.</summary>
internal interface IReplySink
{
    /// <summary>Copies a reply into the queue of the connection; returns whether it was accepted.</summary>
    /// <param name="header">The header of a packet; empty for raw bytes.</param>
    /// <param name="body">The bytes behind the header.</param>
    bool TrySend(ReadOnlySpan<byte> header, ReadOnlySpan<byte> body);
}
