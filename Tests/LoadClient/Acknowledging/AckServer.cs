using System.Buffers.Binary;
using System.Net.Sockets;

namespace DotNettyFraming.Tests.LoadClient.Acknowledging;

/// <summary>Acknowledgements from a <see cref="StandInServer"/>, and parsing of what it received.</summary>
internal static class AckServer
{
    /// <summary>Returns an acknowledgement; its time is arbitrary, because the client ignores it.</summary>
    public static byte[] Ack(ulong count)
    {
        byte[] packet = [0x26, 8, 0, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0];
        BinaryPrimitives.WriteUInt64LittleEndian(packet.AsSpan(7), count);
        return packet;
    }

    /// <summary>Acknowledges all packets after each read, and closes after the client's FIN.</summary>
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

    /// <summary>Returns the number of whole packets received.</summary>
    public static int Packets(StandInServer.Connection connection) => Payloads(connection).Count;

    /// <summary>Returns the payloads of the whole packets received.</summary>
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

    /// <summary>Returns the numbers that <c>--serial</c> puts into a payload.</summary>
    public static (ulong Connection, ulong Packet) Serial(byte[] payload) =>
        (BinaryPrimitives.ReadUInt64LittleEndian(payload), BinaryPrimitives.ReadUInt64LittleEndian(payload.AsSpan(8)));
}
