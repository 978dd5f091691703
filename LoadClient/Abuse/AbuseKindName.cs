namespace DotNettyFraming.LoadClient.Abuse;

/// <summary>The kinds as <c>--abuse</c> and the reports name them.</summary>
internal static class AbuseKindName
{
    /// <summary>A kind's name.</summary>
    public static string Of(AbuseKind kind) => kind switch
    {
        AbuseKind.BadPrefix => "bad-prefix",
        AbuseKind.BadPrefixLate => "bad-prefix-late",
        AbuseKind.Oversize => "oversize",
        AbuseKind.SlowLoris => "slow-loris",
        AbuseKind.HalfPacket => "half-packet",
        AbuseKind.Reset => "reset",
        AbuseKind.ConnectFlood => "connect-flood",
        AbuseKind.RandomBytes => "random-bytes",
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "no such kind"),
    };
}
