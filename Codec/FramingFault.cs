namespace DotNettyFraming.Codec;

/// <summary>The ways in which a peer's bytes can be wrong.</summary>
public enum FramingFaultKind
{
    /// <summary>A byte other than <see cref="PacketHeader.Prefix"/> stands where a packet must start.</summary>
    InvalidPrefix,

    /// <summary>A header announces a payload longer than the decoder's maximum.</summary>
    PayloadTooLarge,
}

/// <summary>The last message of <see cref="PacketDecoder"/> for a peer that breaks the protocol; good packets come before it.</summary>
/// <remarks>Not an exception: each one walks the stack, and a hostile peer would choose how many.</remarks>
/// <param name="Kind">The kind of fault.</param>
/// <param name="Offset">The start of the faulty packet, in bytes from the start of the connection's stream.</param>
/// <param name="Found">The byte found instead of the prefix, or the announced payload length.</param>
public sealed record FramingFault(FramingFaultKind Kind, long Offset, int Found);
