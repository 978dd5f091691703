using System.Buffers.Binary;
using System.Text;

/// <summary>The packets of a stream entry, whose format is in docs/scaling-out.md.</summary>
internal static class EntryReader
{
    /// <summary>Returns the packets of the fields <c>parts</c>, <c>peers</c> and <c>bytes</c>, with the default header layout.</summary>
    public static IEnumerable<(long Connection, string Peer, long Number, long Received, ReadOnlyMemory<byte> Bytes)> Read(
        byte[] parts, byte[] peers, byte[] bytes)
    {
        var peerOf = new Dictionary<long, string>();
        string[] names = Encoding.UTF8.GetString(peers).Split('\n');
        int index = 0, at = 0;
        long connection = 0, packets = 0, size = 0, received = 0;
        while (index < parts.Length)
        {
            long head = Number(), before = packets;
            connection += Signed();
            long first = Number();
            packets = head >> 2;
            size = (head & 2) == 0 ? Number() : size * packets / before;
            received += (head & 1) == 0 ? Signed() : 0;
            peerOf.TryAdd(connection, names[peerOf.Count]);
            for (long number = first; number < first + packets; number++)
            {
                int length = 7 + BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(at + 1));
                yield return (connection, peerOf[connection], number, received, bytes.AsMemory(at, length));
                at += length;
            }
        }

        long Number()
        {
            long value = 0;
            for (int shift = 0; ; shift += 7)
            {
                byte part = parts[index++];
                value |= (long)(part & 0x7F) << shift;
                if (part < 0x80)
                {
                    return value;
                }
            }
        }

        long Signed() => Number() is var zigzag ? (long)((ulong)zigzag >> 1) ^ -(zigzag & 1) : 0;
    }
}
