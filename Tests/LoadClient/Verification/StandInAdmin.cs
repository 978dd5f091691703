using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using DotNettyFraming.Server.Metrics;

namespace DotNettyFraming.Tests.LoadClient.Verification;

/// <summary>An admin port of raw sockets: what it answers, and how slowly, is the test's choice.</summary>
/// <remarks>It keeps connections, as HTTP/1.1 does, and answers the nth request of all with what the test gives for n, counted from 0.</remarks>
internal sealed class StandInAdmin : IAsyncDisposable
{
    private readonly StandInServer _server;
    private int _requests;
    private bool _gone;

    /// <summary>Answers each request with bytes.</summary>
    public StandInAdmin(Func<int, byte[]> answer)
    {
        _server = new StandInServer(connection => ServeAsync(connection, answer));
        Url = new Uri($"http://127.0.0.1:{_server.Port}");
    }

    public Uri Url { get; }

    /// <summary>Requests begun so far.</summary>
    public int Requests => Volatile.Read(ref _requests);

    /// <summary>The first line of each request.</summary>
    public List<string> RequestLines { get; } = [];

    /// <summary>Answers every request with JSON.</summary>
    public static StandInAdmin Serving(Func<int, string> json) => new(number => Response("200 OK", json(number)));

    /// <summary>Answers every request with the counters of the server in this process.</summary>
    public static StandInAdmin Of(ServerCounters counters) => Serving(_ => Statistics(counters));

    /// <summary>What the admin port makes of the counters: an object for each level of a name.</summary>
    internal static string Statistics(ServerCounters counters)
    {
        var root = new JsonObject { ["uptimeSeconds"] = 100 };
        foreach ((string name, long value) in counters.Named())
        {
            string[] path = name.Split('.');
            JsonObject parent = root;
            foreach (string level in path[..^1])
            {
                parent = (JsonObject)(parent[level] ??= new JsonObject());
            }

            parent[path[^1]] = value;
        }

        return root.ToJsonString(JsonSerializerOptions.Default);
    }

    public static byte[] Response(string status, string body, string headers = "") =>
        Encoding.UTF8.GetBytes($"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\n{headers}\r\n{body}");

    /// <summary>Goes away; a second time, nothing.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!_gone)
        {
            _gone = true;
            await _server.DisposeAsync();
        }
    }

    private async Task ServeAsync(StandInServer.Connection connection, Func<int, byte[]> answer)
    {
        int answered = 0;
        while (await connection.ReadAsync() > 0)
        {
            // One GET has no body, and the next one comes only after its answer.
            string received = Encoding.ASCII.GetString(connection.Received);
            if (!received.EndsWith("\r\n\r\n", StringComparison.Ordinal))
            {
                continue;
            }

            RequestLines.Add(received[answered..].Split("\r\n")[0]);
            answered = received.Length;
            byte[] response = answer(Interlocked.Increment(ref _requests) - 1);
            for (int sent = 0; sent < response.Length;)
            {
                sent += await connection.Socket.SendAsync(response.AsMemory(sent), connection.Stopped);
            }
        }

        connection.Socket.Dispose();
    }
}
