using System.Globalization;
using DotNetty.Transport.Channels;

namespace DotNettyFraming.Transport;

/// <summary>
/// A channel's identity within this process: a number that counts up. 24 bytes, where DotNetty's default carries
/// machine, process, time and randomness in 100, which nobody asks of a connection.
/// </summary>
internal sealed class SequentialChannelId : IChannelId
{
    private static long _last;

    private readonly long _number = Interlocked.Increment(ref _last);

    /// <inheritdoc />
    public string AsShortText() => _number.ToString("x8", CultureInfo.InvariantCulture);

    /// <inheritdoc />
    public string AsLongText() => _number.ToString("x16", CultureInfo.InvariantCulture);

    /// <inheritdoc />
    public int CompareTo(IChannelId? other) => other switch
    {
        SequentialChannelId id => _number.CompareTo(id._number),
        null => 1,
        _ => string.CompareOrdinal(AsLongText(), other.AsLongText()),
    };

    /// <inheritdoc />
    public override string ToString() => AsShortText();

    /// <inheritdoc />
    public override int GetHashCode() => _number.GetHashCode();

    /// <inheritdoc />
    public override bool Equals(object? obj) => ReferenceEquals(this, obj);
}
