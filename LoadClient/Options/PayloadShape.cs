using System.Text;
using DotNettyFraming.Codec;

namespace DotNettyFraming.LoadClient.Options;

/// <summary>The payloads of a run: a text, repeated or cut to lengths from <c>MinBytes</c> to <c>MaxBytes</c>, equally likely.</summary>
internal sealed record PayloadShape(ReadOnlyMemory<byte> Text, int MinBytes, int MaxBytes)
{
    public bool IsFixed => MinBytes == MaxBytes;
    public HeaderLayout Header { get; init; } = HeaderLayout.Default;
    public int MaxPacketBytes => Header.HeaderLength(MaxBytes) + MaxBytes;

    public static PayloadShape Of(string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        return new PayloadShape(bytes, bytes.Length, bytes.Length);
    }

    public static PayloadShape Of(string text, int minBytes, int maxBytes) =>
        new(Encoding.UTF8.GetBytes(text), minBytes, maxBytes);

    /// <summary>Fills a payload with the text, repeated. An empty text fills only an empty payload.</summary>
    public void Fill(Span<byte> payload)
    {
        while (!payload.IsEmpty)
        {
            int length = Math.Min(Text.Length, payload.Length);
            Text.Span[..length].CopyTo(payload);
            payload = payload[length..];
        }
    }

    /// <summary>Returns the size of the packets for the first line: <c>32 bytes</c>, <c>17 to 1007 bytes</c>.</summary>
    public string DescribePackets() =>
        IsFixed ? $"{MaxPacketBytes} bytes" : $"{Header.HeaderLength(MinBytes) + MinBytes} to {MaxPacketBytes} bytes";
}
