using System.Text.Json;

namespace DotNettyFraming.Tests.Harness;

/// <summary>The answer of a server's <c>/api/stats</c>.</summary>
internal sealed record AdminStatistics(JsonElement Json)
{
    private static readonly HttpClient Http = new() { Timeout = Peer.Patience };

    /// <summary>Requests the statistics.</summary>
    public static AdminStatistics Read(Uri admin)
    {
        using HttpResponseMessage response = Http.Send(new HttpRequestMessage(HttpMethod.Get, new Uri(admin, "api/stats")));
        using Stream body = response.Content.ReadAsStream();
        using var document = JsonDocument.Parse(body);
        return new AdminStatistics(document.RootElement.Clone());
    }

    /// <summary>Returns the number with this name, dots included: <c>packets.received</c>.</summary>
    public long this[string name] => name.Split('.').Aggregate(Json, (parent, part) => parent.GetProperty(part)).GetInt64();
}
