using System.Collections.Concurrent;
using System.Text;
using System.Text.RegularExpressions;
using DotNetty.Buffers;
using DotNettyFraming.Codec;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Server.Processing;
using DotNettyFraming.Server.Storage;
using DotNettyFraming.Tests.Harness;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Tests.Server.Storage;

/// <summary>A store without a server; the test's thread is its only event loop.</summary>
internal sealed partial class StoreRig : IDisposable
{
    private readonly BlockingCollection<Action> _tasks = [];
    private readonly StoreWriter _writer;
    private readonly LoopLog _log;

    public StoreRig(string directory, Func<StoreRules, StoreRules>? change = null, TimeProvider? time = null)
    {
        _writer = Open(directory, change, Counters, time, Logger);
        _log = _writer.AddLoop(_tasks.Add, _ => { });
        _writer.Start();
    }

    /// <summary>Opens a store of the default layout that commits as soon as the disk is free.</summary>
    public static StoreWriter Open(
        string directory,
        Func<StoreRules, StoreRules>? change = null,
        StoreCounters? counters = null,
        TimeProvider? time = null,
        RecordingLogger? logger = null)
    {
        var rules = new StoreRules
        {
            Directory = directory,
            Node = "test",
            Header = "26 len:u16le time:u32le",
            CommitInterval = TimeSpan.Zero,
        };
        return StoreWriter.Open(
            change?.Invoke(rules) ?? rules, counters ?? new StoreCounters(), time ?? TimeProvider.System, logger ?? new RecordingLogger());
    }

    public StoreCounters Counters { get; } = new();

    public RecordingLogger Logger { get; } = new();

    public StoreWriter Writer => _writer;

    public Task<string> Failed => _writer.Failed;

    public long FirstConnection => _writer.FirstConnection;

    public IEnumerable<string> Warnings => Logger.Lines.Where(line => line.Level >= LogLevel.Warning).Select(line => line.Message);

    /// <summary>Appends packets in one turn of the event loop.</summary>
    public void Append(StoredPeer peer, params string[] payloads)
    {
        AppendWithoutTurn(peer, payloads);
        _log.TurnEnd();
    }

    /// <summary>Appends packets to the loop turn that the next <see cref="Append"/> ends.</summary>
    public void AppendWithoutTurn(StoredPeer peer, params string[] payloads)
    {
        byte[] bytes = [.. payloads.SelectMany(payload => Packet(payload))];
        _log.Append(peer, PacketBatch.Of(Unpooled.WrappedBuffer(bytes), firstSequence: peer.Appended));
        peer.Appended += payloads.Length;
    }

    /// <summary>Runs the loop's tasks until everything appended is stored.</summary>
    public void Settle(params StoredPeer[] peers)
    {
        using var patience = new CancellationTokenSource(Peer.Patience);
        while (peers.Any(peer => peer.Position < peer.Appended))
        {
            _tasks.Take(patience.Token)();
        }
    }

    /// <summary>Runs the loop's queued tasks.</summary>
    public void RunTasks()
    {
        while (_tasks.TryTake(out Action? task))
        {
            task();
        }
    }

    /// <summary>Appends packets and waits until they are stored.</summary>
    public void Store(StoredPeer peer, params string[] payloads)
    {
        Append(peer, payloads);
        Settle(peer);
    }

    public static string[] Export(string directory, Func<ExportOptions, ExportOptions>? change = null)
    {
        using var output = new MemoryStream();
        var options = new ExportOptions { Directory = directory, Text = true };
        using var command = new ExportCommand(change?.Invoke(options) ?? options, output, TextWriter.Null);
        command.RunAsync(CancellationToken.None).GetAwaiter().GetResult();
        return Encoding.UTF8.GetString(output.ToArray()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    /// <summary>Asserts that packets with texts NAME/NUMBER are stored up to those acknowledged, each once, without a gap.</summary>
    public static void AssertSerials(string directory, Dictionary<string, long> acknowledged, string what = "")
    {
        var stored = new Dictionary<string, long>();
        foreach (string line in Export(directory))
        {
            Match payload = Serial().Match(line);
            string name = payload.Groups["name"].Value;
            long next = stored.GetValueOrDefault(name);
            Assert.That(payload.Groups["number"].Value, Is.EqualTo($"{next}"), $"{what} {line}");
            stored[name] = next + 1;
        }

        foreach ((string name, long count) in acknowledged)
        {
            Assert.That(stored.GetValueOrDefault(name), Is.GreaterThanOrEqualTo(count), $"{what} {name}");
        }
    }

    public static (int ExitCode, string[] Lines) Verify(string directory)
    {
        using var output = new StringWriter();
        int exitCode = new VerifyCommand(directory, output).Run(CancellationToken.None);
        return (exitCode, output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    public void Dispose()
    {
        _writer.Dispose();
        _tasks.Dispose();
    }

    [GeneratedRegex("\"payload\":\"(?<name>[^/]*)/(?<number>[0-9]+) *\"")]
    private static partial Regex Serial();

    private static byte[] Packet(string payload) =>
        [0x26, (byte)payload.Length, (byte)(payload.Length >> 8), 0, 1, 0, 0, .. Encoding.ASCII.GetBytes(payload)];
}

/// <summary>A connection of <see cref="StoreRig"/>.</summary>
internal sealed class StoredPeer(long id, string peer = "192.0.2.1:5555") : ISinkConnection
{
    private SinkState _state;

    public long Id => id;

    public string Peer => peer;

    public ref SinkState SinkState => ref _state;

    /// <summary>The number of packets appended.</summary>
    public long Appended { get; set; }

    /// <summary>The number of packets stored.</summary>
    public long Position { get; private set; }

    public void Stored(long position)
    {
        Assert.That(position, Is.GreaterThanOrEqualTo(Position));
        Position = position;
    }
}

/// <summary>A temporary directory, deleted on disposal.</summary>
/// <param name="inMemory">Whether it is in memory, where a sync costs nothing, if the machine has such a directory.</param>
internal sealed class TemporaryDirectory(bool inMemory = false) : IDisposable
{
    private const string Memory = "/dev/shm";

    public string Path { get; } = inMemory && Directory.Exists(Memory)
        ? Directory.CreateDirectory(System.IO.Path.Combine(Memory, $"framing-store-{Guid.NewGuid():N}")).FullName
        : Directory.CreateTempSubdirectory("framing-store-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
