using DotNettyFraming.Codec;

namespace DotNettyFraming.Benchmarks.Micro;

/// <summary>What one read from a socket brings.</summary>
/// <param name="Packets">Whole packets in it.</param>
/// <param name="PayloadBytes">Payload of each.</param>
public readonly record struct ReadShape(int Packets, int PayloadBytes)
{
    /// <summary>The bytes of such a read.</summary>
    /// <returns>Packets side by side.</returns>
    public byte[] Bytes()
    {
        byte[] bytes = new byte[Packets * (PacketHeader.Size + PayloadBytes)];
        byte[] payload = new byte[PayloadBytes];
        for (int offset = 0; offset < bytes.Length;)
        {
            offset += PacketEncoder.Write(bytes.AsSpan(offset), time: 1, payload);
        }

        return bytes;
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Packets} x {PayloadBytes}";
}
