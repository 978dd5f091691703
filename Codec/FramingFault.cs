namespace DotNettyFraming.Codec;

/// <summary>The ways in which a peer's bytes can be wrong.</summary>
public enum FramingFaultKind
{
    /// <summary>A byte of a header is not the literal one of the layout.</summary>
    InvalidPrefix,

    /// <summary>A header announces a payload longer than the decoder's maximum.</summary>
    PayloadTooLarge,

    /// <summary>A header announces a negative payload length, after its adjustment.</summary>
    InvalidLength,
}

/// <summary>The last message of <see cref="PacketDecoder"/> for a peer that breaks the protocol; good packets come before it.</summary>
/// <remarks>Not an exception: each one walks the stack, and a hostile peer would choose how many.</remarks>
/// <param name="Kind">The kind of fault.</param>
/// <param name="Offset">The start of the faulty packet, in bytes from the start of the connection's stream.</param>
/// <param name="Found">The unexpected byte, or the announced payload length.</param>
public sealed record FramingFault(FramingFaultKind Kind, long Offset, long Found);
