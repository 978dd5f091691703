using System.Globalization;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using StackExchange.Redis;

namespace DotNettyFraming.Server.Forwarding;

/// <summary>A connection to the primary of a stream, and the scripts that append to the stream.</summary>
/// <remarks>
/// All commands go to one server in the order of the calls. It never follows a redirection: after MOVED the forwarder connects again.
/// Errors are exceptions of StackExchange.Redis.
/// </remarks>
internal sealed class RedisStream : IAsyncDisposable
{
    /// <summary>Appends entries behind a predecessor; returns the id of the stream's last entry then.</summary>
    /// <remarks>Redis checks its memory before a script's first write, so either all entries are appended or none.</remarks>
    private const string AppendScript =
        """
        local last = redis.call('EXISTS', KEYS[1]) == 1 and redis.call('GET', KEYS[2]) or ''
        if last ~= ARGV[1] then return last end
        for i = 3, #ARGV, 7 do
            last = ARGV[i]
            redis.call('XADD', KEYS[1], last, 'v', '1', 'node', ARGV[2], 'header', ARGV[i + 1], 'received', ARGV[i + 2],
                'packets', ARGV[i + 3], 'parts', ARGV[i + 4], 'peers', ARGV[i + 5], 'bytes', ARGV[i + 6])
        end
        redis.call('SET', KEYS[2], last)
        return last
        """;

    /// <summary>Returns the id of the last entry ever added, '' if there is none, and lets the companion key say the same.</summary>
    private const string LastScript =
        """
        if redis.call('EXISTS', KEYS[1]) == 0 then return '' end
        local info = redis.call('XINFO', 'STREAM', KEYS[1])
        for i = 1, #info, 2 do
            if info[i] == 'last-generated-id' and info[i + 1] ~= '0-0' then
                if ARGV[1] == '1' or redis.call('GET', KEYS[2]) ~= info[i + 1] then redis.call('SET', KEYS[2], info[i + 1]) end
                return info[i + 1]
            end
        end
        return ''
        """;

    private static readonly string AppendHash = HashOf(AppendScript);
    private readonly ConnectionMultiplexer _connections;
    private readonly IServer _primary;
    private readonly RedisKey _key;
    private readonly RedisKey _lastKey;
    private readonly string _node;
    private readonly StrongBox<int> _opened;
    private int _openedAtResume;

    private RedisStream(ConnectionMultiplexer connections, string stream, string node, StrongBox<int> opened)
    {
        _connections = connections;
        _node = node;
        _key = KeyOf(stream, node);
        _lastKey = $"{_key}:last";
        _primary = connections.GetServer(_key, flags: CommandFlags.DemandMaster);
        _opened = opened;
    }

    /// <summary>Returns the stream's key; the braces are part of it, so that its companion key is in the same slot of a cluster.</summary>
    public static string KeyOf(string stream, string node) => $"{stream}:{{{node}}}";

    /// <summary>Connects to the stream's primary.</summary>
    /// <exception cref="IOException">A server's certificate is refused.</exception>
    public static async Task<RedisStream> ConnectAsync(ForwardRules rules, string node)
    {
        string? refused = null;
        ConfigurationOptions options = rules.Configure(why => refused = why);
        var opened = new StrongBox<int>();
        options.BeforeSocketConnect = (_, _, _) => Interlocked.Increment(ref opened.Value);
        ConnectionMultiplexer connections;
        try
        {
            connections = await ConnectionMultiplexer.ConnectAsync(options).ConfigureAwait(false);
        }
        catch (RedisConnectionException e) when (refused is not null)
        {
            throw new IOException(refused, e);
        }

        try
        {
            return new RedisStream(connections, rules.Stream, node, opened);
        }
        catch
        {
            await connections.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>The address of the primary.</summary>
    public string Server => $"{_primary.EndPoint}";

    /// <summary>Returns the id of the stream's last entry; empty if it has none.</summary>
    /// <param name="rewrite">Whether to write the companion key, so that <see cref="WaitAsync"/> covers what was appended before.</param>
    public async Task<string> ReadLastAsync(bool rewrite)
    {
        _openedAtResume = Volatile.Read(ref _opened.Value);
        RedisResult last = await SendAsync("EVAL", LastScript, 2, _key, _lastKey, rewrite ? "1" : "0").ConfigureAwait(false);
        return (string?)last ?? "";
    }

    /// <summary>Appends entries behind a predecessor.</summary>
    /// <returns>The id of the last one; another one if the stream does not end with the predecessor.</returns>
    public async Task<string> AppendAsync(string predecessor, IReadOnlyList<ChunkEntry> entries)
    {
        var arguments = new List<object>(6 + (ChunkEntry.Arguments * entries.Count))
        {
            AppendHash, 2, _key, _lastKey, (RedisValue)predecessor, (RedisValue)_node,
        };
        foreach (ChunkEntry entry in entries)
        {
            entry.AddTo(arguments);
        }

        try
        {
            return (string?)await SendAsync("EVALSHA", [.. arguments]).ConfigureAwait(false) ?? "";
        }
        catch (RedisServerException e) when (e.Message.StartsWith("NOSCRIPT", StringComparison.Ordinal))
        {
            arguments[0] = AppendScript;
            return (string?)await SendAsync("EVAL", [.. arguments]).ConfigureAwait(false) ?? "";
        }
    }

    /// <summary>Waits until replicas have what this connection has written; returns how many have, after a second at most.</summary>
    /// <exception cref="IOException">The connection is not the one that wrote: its answer would mean nothing.</exception>
    public async Task<long> WaitAsync(int replicas)
    {
        long confirmed = (long)await SendAsync("WAIT", replicas, 1000).ConfigureAwait(false);
        return Volatile.Read(ref _opened.Value) == _openedAtResume
            ? confirmed
            : throw new IOException("the connection was made again");
    }

    /// <summary>Removes entries that are older than a time, Unix milliseconds.</summary>
    public Task TrimAsync(long before) => SendAsync("XTRIM", _key, "MINID", "~", before);

    /// <summary>Returns the memory that the primary uses, and the most that it may use; 0 is no limit.</summary>
    public async Task<(long Used, long Limit)> ReadMemoryAsync()
    {
        string info = (string?)await SendAsync("INFO", "memory").ConfigureAwait(false) ?? "";
        return (Number("used_memory:"), Number("maxmemory:"));

        long Number(string name) =>
            info.Split('\n').FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal)) is { } line
            && long.TryParse(line.AsSpan(name.Length).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out long value)
                ? value
                : 0;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _connections.CloseAsync(allowCommandsToComplete: false).ConfigureAwait(false);
        await _connections.DisposeAsync().ConfigureAwait(false);
    }

    private Task<RedisResult> SendAsync(string command, params object[] arguments) =>
        _primary.ExecuteAsync(command, arguments, CommandFlags.NoRedirect);

    /// <summary>Returns the name that Redis gives to a script, its SHA-1.</summary>
#pragma warning disable CA5350 // the algorithm is the protocol's
    private static string HashOf(string script) => Convert.ToHexStringLower(SHA1.HashData(Encoding.UTF8.GetBytes(script)));
#pragma warning restore CA5350
}
