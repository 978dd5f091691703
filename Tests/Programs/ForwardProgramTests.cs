using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;
using System.Runtime.InteropServices;
using DotNettyFraming.Tests.Harness;
using DotNettyFraming.Tests.Server.Forwarding;
using DotNettyFraming.Tests.Server.Storage;
using StackExchange.Redis;

namespace DotNettyFraming.Tests.Programs;

/// <summary>FAULTS 39 and 40 with real programs: everything acknowledged as forwarded is in a stream, each chunk once.</summary>
[Category("Slow")]
[NonParallelizable]
[CancelAfter(3_600_000)]
public sealed class ForwardProgramTests
{
    [Test]
    public async Task Killed_server_and_redis_lose_and_double_nothing()
    {
        using var directory = new TemporaryDirectory();
        using RedisServer redis = RedisServer.Start();
        string acknowledged = Path.Combine(redis.Folder, "acknowledged");
        int port = RedisServer.FreePort();
        ProgramRun server = await StartAsync(directory.Path, redis, port);
        try
        {
            using ProgramRun client = StartClient(port, acknowledged, TimeSpan.FromHours(4));
            await client.LineAsync("acked ");
            var random = new Random(1);
            int rounds = Scale.Of(gate: 3, full: 50);
            for (int round = 0; round < rounds; round++)
            {
                await Task.Delay(300 + random.Next(500)); // a random moment, not a wait for something
                if (round % 5 < 2)
                {
                    redis.Kill();
                }

                server.Kill();
                server.Dispose();
                if (round % 5 < 2)
                {
                    redis.Run();
                }

                server = await StartAsync(directory.Path, redis, port);
            }

            client.Signal(PosixSignal.SIGINT);
            Assert.That(await client.ExitAsync(TimeSpan.FromMinutes(4)), Is.Zero, client.Everything);
            Assert.That((await server.StopAsync())["forward.lagBytes"], Is.Zero);
        }
        finally
        {
            server.Dispose();
        }

        ForwardRig.AssertEqual(directory.Path, redis.Database);
        AssertAcknowledged(acknowledged, [(redis.Database, ForwardRig.Key)]);
    }

    [Test]
    public async Task Nothing_is_acknowledged_while_redis_is_away()
    {
        using var directory = new TemporaryDirectory();
        using RedisServer redis = RedisServer.Start();
        int port = RedisServer.FreePort();
        using ProgramRun server = await StartAsync(directory.Path, redis, port);
        using Peer peer = await Peer.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port));
        await peer.SendAsync(Packets.Of("a"u8.ToArray()));
        Assert.That(await ReceiveCountAsync(peer), Is.EqualTo(1));

        redis.Kill();
        await peer.SendAsync(Packets.Of("b"u8.ToArray()));
        Assert.That(await ReceiveCountAsync(peer), Is.EqualTo(1), "the old number is repeated after five seconds, as a sign of life");
        redis.Run();
        long count = 1;
        for (int repeated = 0; count == 1 && repeated < 5; repeated++)
        {
            count = await ReceiveCountAsync(peer);
        }

        Assert.That(count, Is.EqualTo(2));
        await server.StopAsync();
        ForwardRig.AssertEqual(directory.Path, redis.Database);
    }

    [Test]
    public async Task Consumers_that_crash_and_claim_see_every_packet()
    {
        using var directory = new TemporaryDirectory();
        using RedisServer redis = RedisServer.Start();
        redis.Database.StreamCreateConsumerGroup(ForwardRig.Key, "group", "0", createStream: true);
        string acknowledged = Path.Combine(redis.Folder, "acknowledged");
        int port = RedisServer.FreePort();
        using ProgramRun server = await StartAsync(directory.Path, redis, port);
        using ProgramRun client = StartClient(port, acknowledged, TimeSpan.FromSeconds(3));
        var seen = new HashSet<(long, long)>();
        var random = new Random(1);
        int crashes = 0;
        bool isOver = false;
        bool isDrained = false;
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while (!isDrained)
        {
            patience.Token.ThrowIfCancellationRequested();
            bool hasRead = false;
            foreach (string consumer in new[] { "one", "two", "three" })
            {
                RedisResult claimed = await redis.Database.ExecuteAsync(
                    "XAUTOCLAIM", ForwardRig.Key, "group", consumer, 20, "0-0", "COUNT", 20);
                RedisResult[] entries = (RedisResult[])claimed[1]!;
                StreamEntry[] read = await redis.Database.StreamReadGroupAsync(ForwardRig.Key, "group", consumer, ">", 20);
                hasRead |= entries.Length + read.Length > 0;
                if (random.Next(3) == 0)
                {
                    crashes += read.Length;
                    continue; // a crash before the acknowledgement
                }

                foreach (RedisResult entry in entries)
                {
                    RedisResult[] fields = (RedisResult[])entry[1]!;
                    See((byte[])fields[11]!, (byte[])fields[13]!, (byte[])fields[15]!);
                    await redis.Database.StreamAcknowledgeAsync(ForwardRig.Key, "group", (RedisValue)entry[0]);
                }

                foreach (StreamEntry entry in read)
                {
                    See(entry["parts"]!, entry["peers"]!, entry["bytes"]!);
                    await redis.Database.StreamAcknowledgeAsync(ForwardRig.Key, "group", entry.Id);
                }
            }

            isDrained = isOver && !hasRead && redis.Database.StreamPending(ForwardRig.Key, "group").PendingMessageCount == 0;
            isOver = client.Output.Any(line => line.StartsWith("connections ended", StringComparison.Ordinal));
        }

        Assert.That(await client.ExitAsync(), Is.Zero);
        Assert.That(crashes, Is.Positive);
        AssertAcknowledged(acknowledged, seen);

        void See(byte[] parts, byte[] peers, byte[] bytes)
        {
            foreach ((long _, string _, long _, long _, ReadOnlyMemory<byte> packet) in EntryReader.Read(parts, peers, bytes))
            {
                seen.Add(SerialOf(packet.Span));
            }
        }
    }

    [Test]
    public async Task Servers_behind_haproxy_and_a_cluster_lose_nothing_when_parts_of_them_die()
    {
        Scale.RequireFull("takes a minute, and ports that nothing else uses");
        InstalledProgram.Find("haproxy");
        InstalledProgram.Find("redis-server");
        InstalledProgram.Find("redis-cli", "redis-tools");
        using var directory = new TemporaryDirectory();
        int basePort = Random.Shared.Next(200, 600) * 50; // its script adds up to 36
        try
        {
            await ScriptAsync("start");
            string acknowledged = Path.Combine(directory.Path, "acknowledged");
            using ProgramRun client = StartClient(
                basePort, acknowledged, TimeSpan.FromSeconds(60), connections: 2000);
            await client.LineAsync("acked ");
            Kill("n2");
            await ScriptAsync("server", "2");
            string slots = (await ToolRun.RunAsync(
                InstalledProgram.Find("redis-cli", "redis-tools"), ["-p", $"{basePort + 21}", "cluster", "nodes"])).Output;
            int primary = Enumerable.Range(1, 6).First(
                n => slots.Split('\n').Any(line => line.Contains($":{basePort + 20 + n}@") && line.Contains("master")));
            Kill($"redis{primary}");
            Kill("haproxy");
            await ScriptAsync("haproxy");
            Assert.That(await client.ExitAsync(TimeSpan.FromMinutes(4)), Is.Zero, client.Everything);

            var options = new ConfigurationOptions { AbortOnConnectFail = false };
            for (int n = 1; n <= 6; n++)
            {
                options.EndPoints.Add(IPAddress.Loopback, basePort + 20 + n);
            }

            using ConnectionMultiplexer cluster = await ConnectionMultiplexer.ConnectAsync(options);
            AssertAcknowledged(acknowledged, [.. Enumerable.Range(1, 3).Select(n => (cluster.GetDatabase(), $"framing:{{n{n}}}"))]);
        }
        finally
        {
            await ScriptAsync("stop");
        }

        void Kill(string name)
        {
            using var process = Process.GetProcessById(int.Parse(File.ReadAllText(Path.Combine(directory.Path, $"{name}.pid"))));
            process.Kill();
        }

        async Task ScriptAsync(string command, params string[] more)
        {
            ToolRun run = await ToolRun.RunAsync(
                Path.Combine(Repository.Root, "docs", "scaling", "scaling.sh"), [command, directory.Path, .. more], "",
                TimeSpan.FromMinutes(3), ("BASE", $"{basePort}"), ("PROGRAM", Repository.Program("Server")));
            Assert.That(run.ExitCode, Is.Zero, run.Output + run.Errors);
        }
    }

    private static async Task<ProgramRun> StartAsync(string directory, RedisServer redis, int port)
    {
        ProgramRun run = ProgramRun.Start(
            "Server",
            [
                "--address", "127.0.0.1", "--port", $"{port}", "--log-directory", "none", "--node", "test", "--store", directory,
                "--forward", redis.Url, "--ack", "forwarded",
            ]);
        return (await ProgramRun.ListeningAsync(run)).Run;
    }

    private static ProgramRun StartClient(int port, string acknowledged, TimeSpan duration, int connections = 20) => ProgramRun.Start(
        "LoadClient",
        [
            "--port", $"{port}", "--connections", $"{connections}", "--duration", $"{duration.TotalSeconds}s", "--rate", "2000",
            "--payload-bytes", "32", "--ack", "--serial", "--reconnect", "--ack-log", acknowledged, "--log-directory", "none",
        ]);

    private static async Task<long> ReceiveCountAsync(Peer peer) =>
        BinaryPrimitives.ReadInt64LittleEndian((await peer.ReceiveAsync(15)).AsSpan(7));

    /// <summary>Asserts that every packet that the load client has an acknowledgement for is in one of the streams.</summary>
    private static void AssertAcknowledged(string log, (IDatabase Redis, string Key)[] streams)
    {
        var seen = new HashSet<(long, long)>();
        foreach ((IDatabase redis, string key) in streams)
        {
            foreach (StreamEntry entry in redis.StreamRange(key))
            {
                foreach ((long _, string _, long _, long _, ReadOnlyMemory<byte> packet)
                    in EntryReader.Read(entry["parts"]!, entry["peers"]!, entry["bytes"]!))
                {
                    seen.Add(SerialOf(packet.Span));
                }
            }
        }

        AssertAcknowledged(log, seen);
    }

    private static void AssertAcknowledged(string log, HashSet<(long, long)> seen)
    {
        long total = 0;
        foreach ((long connection, long count) in ReadLog(log))
        {
            total += count;
            Assert.That(Enumerable.Range(0, (int)count).Count(number => !seen.Contains((connection, number))), Is.Zero, $"{connection}");
        }

        Assert.That(total, Is.Positive);
    }

    private static IEnumerable<(long Connection, long Acknowledged)> ReadLog(string file) =>
        File.ReadLines(file).Select(line => line.Split(' ')).Select(words => (long.Parse(words[0]), long.Parse(words[1])));

    /// <summary>Returns the connection and packet number that <c>--serial</c> has put into a packet.</summary>
    private static (long Connection, long Number) SerialOf(ReadOnlySpan<byte> packet) =>
        (BinaryPrimitives.ReadInt64LittleEndian(packet[7..]), BinaryPrimitives.ReadInt64LittleEndian(packet[15..]));
}
