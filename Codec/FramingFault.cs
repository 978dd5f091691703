namespace DotNettyFraming.Codec;

/// <summary>What was wrong with a peer's bytes.</summary>
public enum FramingFaultKind
{
    /// <summary>A byte other than <see cref="PacketHeader.Prefix"/> stands where a packet must start.</summary>
    InvalidPrefix,

    /// <summary>A header announces a payload longer than the decoder's maximum.</summary>
    PayloadTooLarge,
}

/// <summary>
/// The last message that <see cref="PacketDecoder"/> hands on when a peer breaks the protocol, behind the good packets
/// before it. A message and not an exception: a hostile peer would choose how many stack walks we do.
/// </summary>
/// <param name="Kind">What was wrong.</param>
/// <param name="Offset">Where the faulty packet starts, in bytes from the start of the connection's stream.</param>
/// <param name="Found">The byte found instead of the prefix, or the payload length announced.</param>
public sealed record FramingFault(FramingFaultKind Kind, long Offset, int Found);
