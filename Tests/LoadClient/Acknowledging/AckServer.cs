using System.Buffers.Binary;
using System.Net.Sockets;

namespace DotNettyFraming.Tests.LoadClient.Acknowledging;

/// <summary>The acknowledging of a <see cref="StandInServer"/>: counts the packets of a connection and writes counts to it.</summary>
internal static class AckServer
{
    /// <summary>The time in every acknowledgement; the client ignores it.</summary>
    public static byte[] Ack(ulong count)
    {
        byte[] packet = [0x26, 8, 0, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0];
        BinaryPrimitives.WriteUInt64LittleEndian(packet.AsSpan(7), count);
        return packet;
    }

    /// <summary>Acknowledges everything after each read, and closes after the client's FIN.</summary>
    public static async Task AcknowledgeAll(StandInServer.Connection connection)
    {
        while (await connection.ReadAsync() > 0)
        {
            await connection.Socket.SendAsync(Ack((ulong)Packets(connection)));
        }

        await connection.Socket.SendAsync(Ack((ulong)Packets(connection)));
        connection.Socket.Shutdown(SocketShutdown.Send);
        connection.Socket.Dispose();
    }

    /// <summary>The whole packets received.</summary>
    public static int Packets(StandInServer.Connection connection) => Payloads(connection).Count;

    /// <summary>The payloads of the whole packets received.</summary>
    public static List<byte[]> Payloads(StandInServer.Connection connection)
    {
        ReadOnlySpan<byte> rest = connection.Received;
        var payloads = new List<byte[]>();
        while (rest.Length >= 7)
        {
            Assert.That(rest[0], Is.EqualTo(0x26));
            int end = 7 + BinaryPrimitives.ReadUInt16LittleEndian(rest[1..]);
            if (rest.Length < end)
            {
                break;
            }

            payloads.Add(rest[7..end].ToArray());
            rest = rest[end..];
        }

        return payloads;
    }

    /// <summary>The numbers that <c>--serial</c> puts into a payload.</summary>
    public static (ulong Connection, ulong Packet) Serial(byte[] payload) =>
        (BinaryPrimitives.ReadUInt64LittleEndian(payload), BinaryPrimitives.ReadUInt64LittleEndian(payload.AsSpan(8)));
}
