using System.Globalization;
using DotNetty.Transport.Channels;

namespace DotNettyFraming.Transport;

/// <summary>A channel id that is a number of this process: 24 bytes instead of DotNetty's 100.</summary>
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
