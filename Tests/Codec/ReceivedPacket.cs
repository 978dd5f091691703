namespace DotNettyFraming.Tests.Codec;

/// <summary>A copy of a packet.</summary>
internal sealed record ReceivedPacket(uint Time, byte[] Payload)
{
    public bool Equals(ReceivedPacket? other) => other is not null && Time == other.Time && Payload.AsSpan().SequenceEqual(other.Payload);

    public override int GetHashCode() => HashCode.Combine(Time, Payload.Length);

    public override string ToString() => $"{Time:X8}:{Convert.ToHexString(Payload)}";
}
