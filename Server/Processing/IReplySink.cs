using DotNetty.Buffers;

namespace DotNettyFraming.Server.Processing;

/// <summary>The sending side of a <see cref="PacketSource"/>: a connection, or a test's record.</summary>
internal interface IReplySink
{
    /// <summary>Takes over the encoded bytes of a reply; returns whether they are going to be sent. Any thread.</summary>
    bool TrySend(IByteBuffer reply);
}
