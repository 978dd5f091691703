using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using StackExchange.Redis;

namespace DotNettyFraming.Tests.Harness;

/// <summary>A real Redis server in a directory of its own, on a free loopback port.</summary>
internal sealed class RedisServer : IDisposable
{
    private readonly string _executable = InstalledProgram.Find("redis-server");
    private readonly int[] _ports = Machine.FreePorts(2);
    private string[] _options;
    private Process? _process;
    private readonly ConcurrentQueue<string?> _output = new();
    private ConnectionMultiplexer? _client;

    private RedisServer(string[] options) => _options = options;

    /// <summary>The directory with the append-only file.</summary>
    public string Folder { get; } = Directory.CreateTempSubdirectory("framing-redis-").FullName;

    /// <summary>The port of clients.</summary>
    public int Port => _ports[0];

    /// <summary>The port of clients with TLS, if the server was started with it.</summary>
    public int TlsPort => _ports[1];

    /// <summary>The process id.</summary>
    public int Id => _process!.Id;

    /// <summary>The value of <c>--forward</c>.</summary>
    public string Url => $"redis://127.0.0.1:{Port}";

    /// <summary>A client for commands.</summary>
    public IDatabase Database => Client.GetDatabase();

    /// <summary>A client for administrative commands.</summary>
    public IServer Server => Client.GetServer(new IPEndPoint(IPAddress.Loopback, Port));

    /// <summary>The password, if the options require one.</summary>
    public string? Password { get; init; }

    private ConnectionMultiplexer Client => _client ??= Connect();

    /// <summary>Starts a server that fsyncs before it replies. Skips the test where it is missing; in CI fails it.</summary>
    public static RedisServer Start(params string[] options) => Start(null, options);

    /// <summary>Starts a server with a password.</summary>
    public static RedisServer Start(string? password, string[] options) =>
        new RedisServer(options) { Password = password }.Started();

    /// <summary>Starts a server with a certificate.</summary>
    public static RedisServer StartTls(TestCertificates authority, string? host = null)
    {
        (string certificate, string key) = authority.IssueFiles("redis", host);
        var server = new RedisServer([]);
        server._options =
        [
            "--tls-port", $"{server.TlsPort}", "--tls-cert-file", certificate, "--tls-key-file", key, "--tls-auth-clients", "no",
        ];
        return server.Started();
    }

    /// <summary>Starts the server again, with its data.</summary>
    public void Run()
    {
        string[] arguments =
        [
            "--port", $"{Port}", "--bind", "127.0.0.1", "--dir", Folder, "--save", "", "--appendonly", "yes", "--appendfsync", "always",
            .. Password is null ? [] : new[] { "--requirepass", Password }, .. _options,
        ];
        _process = Process.Start(new ProcessStartInfo(_executable, arguments) { RedirectStandardOutput = true })!;
        _process.OutputDataReceived += (_, line) => _output.Enqueue(line.Data);
        _process.BeginOutputReadLine();
    }

    /// <summary>Returns the number of errors with this code since the start, or since <c>CONFIG RESETSTAT</c>.</summary>
    public int Errors(string code)
    {
        string text = (string?)Database.Execute("INFO", "errorstats") ?? "";
        return text.Split("\r\n").FirstOrDefault(line => line.StartsWith($"errorstat_{code}:", StringComparison.Ordinal)) is { } line
            ? int.Parse(line.Split('=')[1])
            : 0;
    }

    /// <summary>Kills it, as a crash would.</summary>
    public void Kill()
    {
        _client?.Dispose();
        _client = null;
        _process!.Kill();
        _process.WaitForExit();
        _process.Dispose();
        _process = null;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_process is not null)
        {
            Kill();
        }

        Directory.Delete(Folder, recursive: true);
    }

    private RedisServer Started()
    {
        try
        {
            Run();
            _ = Client;
            return this;
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    private ConnectionMultiplexer Connect()
    {
        var options = new ConfigurationOptions
        {
            EndPoints = { { IPAddress.Loopback, Port } },
            Password = Password,
            AllowAdmin = true,
            AbortOnConnectFail = true,
            ConnectRetry = 1,
            SyncTimeout = (int)Peer.Patience.TotalMilliseconds,
            ConnectTimeout = 2000,
            ReconnectRetryPolicy = new LinearRetry(10),
            HeartbeatInterval = TimeSpan.FromMilliseconds(100),
        };
        using var patience = new CancellationTokenSource(Peer.Patience);
        while (true)
        {
            try
            {
                ConnectionMultiplexer client = ConnectionMultiplexer.Connect(options);
                client.GetDatabase().Ping(); // a restarted server answers LOADING first
                return client;
            }
            catch (RedisException e)
            {
                bool isLate = patience.IsCancellationRequested || _process!.HasExited;
                Assert.That(isLate, Is.False, () => $"{e.Message} redis-server: {string.Join('\n', _output)}");
                Thread.Sleep(10); // it does not report when it is ready
            }
        }
    }
}
