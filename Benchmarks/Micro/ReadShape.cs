using DotNettyFraming.Codec;

namespace DotNettyFraming.Benchmarks.Micro;

/// <summary>The content of one read from a socket.</summary>
/// <param name="Packets">The number of whole packets.</param>
/// <param name="PayloadBytes">The payload of each.</param>
public readonly record struct ReadShape(int Packets, int PayloadBytes)
{
    /// <summary>Returns the bytes of such a read.</summary>
    public byte[] Bytes()
    {
        byte[] bytes = new byte[Packets * (HeaderLayout.Default.MaxHeaderLength + PayloadBytes)];
        byte[] payload = new byte[PayloadBytes];
        for (int offset = 0; offset < bytes.Length;)
        {
            offset += HeaderLayout.Default.WritePacket(bytes.AsSpan(offset), time: 1, payload);
        }

        return bytes;
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Packets} x {PayloadBytes}";
}
