using System.Buffers.Binary;
using System.Net;
using System.Text;

namespace DotNettyFraming.Tests.Harness;

/// <summary>PROXY headers as a load balancer sends them.</summary>
internal static class ProxyHeaders
{
    /// <summary>The client that <see cref="Version1"/> and <see cref="Version2"/> name.</summary>
    public static readonly IPEndPoint Client = new(IPAddress.Parse("192.0.2.7"), 56324);

    /// <summary>A header of version 1.</summary>
    public static byte[] Version1 => Line("TCP4 192.0.2.7 198.51.100.1 56324 9999");

    /// <summary>A header of version 2, with two bytes after the addresses: too short for a TLV, and skipped.</summary>
    public static byte[] Version2 => Binary(0x21, 0x11, Convert.FromHexString("C0000207C6336401DC04270F"), "??"u8.ToArray());

    /// <summary>Returns a header of version 1 with <paramref name="line"/> after <c>PROXY</c>.</summary>
    public static byte[] Line(string line) => Encoding.Latin1.GetBytes($"PROXY {line}\r\n");

    /// <summary>Returns a header of version 2.</summary>
    public static byte[] Binary(byte versionAndCommand, byte family, params byte[][] parts)
    {
        byte[] rest = Packets.Glue(parts);
        byte[] length = new byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(length, (ushort)rest.Length);
        return Packets.Glue(Convert.FromHexString("0D0A0D0A000D0A515549540A"), [versionAndCommand, family], length, rest);
    }
}
