using System.Globalization;
using System.Text;

namespace DotNettyFraming.LoadClient.Acknowledging;

/// <summary>The packets of one connection, each counted once.</summary>
internal readonly record struct AckLine(long Acknowledged, long Sent);

/// <summary>The file of <c>--ack-log</c>: number, packets acknowledged and packets sent, one connection per line.</summary>
internal static class AckLog
{
    public static byte[] ToUtf8(IReadOnlyList<AckLine> lines)
    {
        var text = new StringBuilder();
        for (int i = 0; i < lines.Count; i++)
        {
            text.Append(CultureInfo.InvariantCulture, $"{i} {lines[i].Acknowledged} {lines[i].Sent}\n");
        }

        return Encoding.UTF8.GetBytes(text.ToString());
    }
}
