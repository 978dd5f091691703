using System.Buffers;
using System.Text.Json;
using DotNettyFraming.Server.Diagnostics;

namespace DotNettyFraming.Server.Admin;

/// <summary>The body of <c>/api/stats</c>: the counters under their names, an object for each level of a name.</summary>
/// <remarks><c>connections.closed.PeerClosed=99</c> of the <c>stopped:</c> line is <c>{ "connections": { "closed": { "PeerClosed": 99 } } }</c> here.</remarks>
internal static class StatisticsJson
{
    /// <summary>Writes it, UTF-8.</summary>
    public static byte[] Write(TimeSpan uptime, IEnumerable<KeyValuePair<string, long>> counters)
    {
        var bytes = new ArrayBufferWriter<byte>(1024);
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            json.WriteNumber("uptimeSeconds", (long)uptime.TotalSeconds);
            WriteLevels(json, counters);
            json.WriteEndObject();
        }

        return bytes.WrittenSpan.ToArray();
    }

    /// <summary>Writes counters into an object; those of one level follow each other, as <see cref="ServerCounters.Named"/> gives them.</summary>
    public static void WriteLevels(Utf8JsonWriter json, IEnumerable<KeyValuePair<string, long>> counters)
    {
        string[] open = [];
        foreach ((string name, long value) in counters)
        {
            string[] levels = name.Split('.');
            string[] parents = levels[..^1];
            int shared = 0;
            while (shared < Math.Min(open.Length, parents.Length) && open[shared] == parents[shared])
            {
                shared++;
            }

            Close(json, open.Length - shared);
            foreach (string parent in parents[shared..])
            {
                json.WriteStartObject(parent);
            }

            json.WriteNumber(levels[^1], value);
            open = parents;
        }

        Close(json, open.Length);
    }

    private static void Close(Utf8JsonWriter json, int objects)
    {
        for (int i = 0; i < objects; i++)
        {
            json.WriteEndObject();
        }
    }
}
