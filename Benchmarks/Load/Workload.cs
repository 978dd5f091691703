using DotNettyFraming.Codec;

namespace DotNettyFraming.Benchmarks.Load;

/// <summary>What is sent: how many connections, how large a write, how often.</summary>
/// <param name="Name">How the tables name it.</param>
/// <param name="Connections">Open connections; writes go to them in turn.</param>
/// <param name="PacketsAWrite">Packets in one write.</param>
/// <param name="PayloadBytes">Payload of each packet.</param>
/// <param name="WritesASecond">Over all connections, in sweeps; 0 = as fast as the server takes them.</param>
internal sealed record Workload(string Name, int Connections, int PacketsAWrite, int PayloadBytes, int WritesASecond)
{
    /// <summary>Bytes of one write.</summary>
    public int WriteBytes => PacketsAWrite * (PacketHeader.Size + PayloadBytes);

    /// <summary>Whether it is sent as fast as the server takes it.</summary>
    public bool IsFullSpeed => WritesASecond == 0;

    /// <summary>One write: packets side by side, made once and sent again and again.</summary>
    public byte[] Write()
    {
        byte[] write = GC.AllocateUninitializedArray<byte>(WriteBytes, pinned: true);
        uint now = (uint)DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        byte[] payload = new byte[PayloadBytes];
        payload.AsSpan().Fill((byte)'1');
        for (int offset = 0; offset < write.Length;)
        {
            offset += PacketEncoder.Write(write.AsSpan(offset), now, payload);
        }

        return write;
    }
}
