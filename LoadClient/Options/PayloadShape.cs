using System.Text;
using DotNettyFraming.Codec;

namespace DotNettyFraming.LoadClient.Options;

/// <summary>How long the payloads are, and what they are made of: a text, repeated and cut to length.</summary>
/// <param name="Text">The text as UTF-8. Empty only where every payload is empty.</param>
/// <param name="MinBytes">The shortest payload, 0 to 65,535 bytes.</param>
/// <param name="MaxBytes">The longest payload; every length from <paramref name="MinBytes"/> on is equally likely.</param>
internal sealed record PayloadShape(ReadOnlyMemory<byte> Text, int MinBytes, int MaxBytes)
{
    public bool IsFixed => MinBytes == MaxBytes; // whether all payloads, and so all packets but for their time, are the same
    public int MaxPacketBytes => PacketHeader.Size + MaxBytes;

    public static PayloadShape Of(string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        return new PayloadShape(bytes, bytes.Length, bytes.Length);
    }

    /// <summary>The text repeated, or cut, to a length.</summary>
    public static PayloadShape Of(string text, int minBytes, int maxBytes) =>
        new(Encoding.UTF8.GetBytes(text), minBytes, maxBytes);

    /// <summary>Fills a payload with the text, again and again. An empty text fills only an empty payload.</summary>
    public void Fill(Span<byte> payload)
    {
        while (!payload.IsEmpty)
        {
            int length = Math.Min(Text.Length, payload.Length);
            Text.Span[..length].CopyTo(payload);
            payload = payload[length..];
        }
    }

    /// <summary>As the start line shows it: <c>32 bytes</c>, <c>17 to 1007 bytes</c>.</summary>
    public string DescribePackets() =>
        IsFixed ? $"{MaxPacketBytes} bytes" : $"{PacketHeader.Size + MinBytes} to {MaxPacketBytes} bytes";
}
