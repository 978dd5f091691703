using System.Text.Json;

namespace DotNettyFraming.LoadClient.Abuse;

/// <summary>The kinds as <c>--abuse</c> and the reports name them.</summary>
internal static class AbuseKindName
{
    /// <summary>A kind's name: <c>bad-prefix</c>.</summary>
    public static string Of(AbuseKind kind) => JsonNamingPolicy.KebabCaseLower.ConvertName(kind.ToString());
}
