using DotNettyFraming.Codec;

namespace DotNettyFraming.Benchmarks.Load;

/// <summary>A load: its connections, the size of its writes, their rate.</summary>
/// <param name="Name">The name in tables.</param>
/// <param name="Connections">Open connections; they are written to in turn.</param>
/// <param name="PacketsPerWrite">Packets in one write.</param>
/// <param name="PayloadBytes">Payload of each packet.</param>
/// <param name="WritesPerSecond">Over all connections, in sweeps; 0 = as fast as the server reads.</param>
internal sealed record Workload(string Name, int Connections, int PacketsPerWrite, int PayloadBytes, int WritesPerSecond)
{
    /// <summary>The size of one write.</summary>
    public int WriteBytes => PacketsPerWrite * (HeaderLayout.Default.MaxHeaderLength + PayloadBytes);

    /// <summary>Whether it is sent as fast as the server reads.</summary>
    public bool IsFullSpeed => WritesPerSecond == 0;

    /// <summary>Returns the bytes of one write, in pinned memory.</summary>
    public byte[] Write()
    {
        byte[] write = GC.AllocateUninitializedArray<byte>(WriteBytes, pinned: true);
        uint now = (uint)DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        byte[] payload = new byte[PayloadBytes];
        payload.AsSpan().Fill((byte)'1');
        for (int offset = 0; offset < write.Length;)
        {
            offset += HeaderLayout.Default.WritePacket(write.AsSpan(offset), now, payload);
        }

        return write;
    }
}
