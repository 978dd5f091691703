using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using DotNettyFraming.Server.Metrics;

namespace DotNettyFraming.Tests.LoadClient.Verification;

/// <summary>An admin port on raw sockets; the test chooses its answers and how slowly they are sent.</summary>
/// <remarks>Connections stay open, as in HTTP/1.1. Requests are numbered from 0 over all connections.</remarks>
internal sealed class StandInAdmin : IAsyncDisposable
{
    private readonly StandInServer _server;
    private int _requests;
    private bool _gone;

    /// <summary>Starts a server that answers each request with <paramref name="answer"/> of its number.</summary>
    public StandInAdmin(Func<int, byte[]> answer)
    {
        _server = new StandInServer(connection => ServeAsync(connection, answer));
        Url = new Uri($"http://127.0.0.1:{_server.Port}");
    }

    public Uri Url { get; }

    /// <summary>The number of requests received so far.</summary>
    public int Requests => Volatile.Read(ref _requests);

    /// <summary>The first line of each request.</summary>
    public List<string> RequestLines { get; } = [];

    /// <summary>Starts a server that answers each request with JSON.</summary>
    public static StandInAdmin Serving(Func<int, string> json) => new(number => Response("200 OK", json(number)));

    /// <summary>Starts a server that answers every request with the counters of a server in this process.</summary>
    public static StandInAdmin Of(ServerCounters counters) => Serving(_ => Statistics(counters));

    /// <summary>Returns the counters as the admin port's JSON, with an object for each level of a name.</summary>
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
        Encoding.UTF8.GetBytes(
            $"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\n{headers}\r\n{body}");

    /// <summary>Stops the server; a second call does nothing.</summary>
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
            // A GET has no body, and the client sends the next one only after the answer.
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
