using System.Globalization;

namespace DotNettyFraming.LoadClient.Verification;

/// <summary>A count of which only its bounds are known, both included.</summary>
internal readonly record struct CountRange
{
    /// <summary>Sets the bounds.</summary>
    /// <param name="atLeast">Not negative.</param>
    /// <param name="atMost">Not below <paramref name="atLeast"/>.</param>
    public CountRange(long atLeast, long atMost)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(atLeast);
        ArgumentOutOfRangeException.ThrowIfLessThan(atMost, atLeast);
        AtLeast = atLeast;
        AtMost = atMost;
    }

    /// <summary>The lower bound.</summary>
    public long AtLeast { get; }

    /// <summary>The upper bound.</summary>
    public long AtMost { get; }

    /// <summary>Whether the count is known.</summary>
    public bool IsExact => AtLeast == AtMost;

    /// <summary>Whether the count can be this one.</summary>
    public bool Contains(long count) => MissingFrom(count) == 0 && ExcessOf(count) == 0;

    /// <summary>How many are missing for sure where just <paramref name="count"/> have come; never negative.</summary>
    public long MissingFrom(long count) => Math.Max(0, AtLeast - count);

    /// <summary>How many of <paramref name="count"/> are too many for sure; never negative.</summary>
    public long ExcessOf(long count) => Math.Max(0, count - AtMost);

    /// <summary><c>100</c>, or <c>98 to 100</c>.</summary>
    public override string ToString() =>
        IsExact ? AtMost.ToString(CultureInfo.InvariantCulture) : string.Create(CultureInfo.InvariantCulture, $"{AtLeast} to {AtMost}");
}
