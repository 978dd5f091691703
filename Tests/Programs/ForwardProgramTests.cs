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
        int port = Machine.FreePort();
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
    public async Task Full_redis_whose_consumer_trims_loses_and_doubles_nothing()
    {
        using var directory = new TemporaryDirectory();
        using RedisServer redis = RedisServer.Start("--maxmemory", "6mb");
        string acknowledged = Path.Combine(redis.Folder, "acknowledged");
        int[] ports = Machine.FreePorts(2);
        var admin = new Uri($"http://127.0.0.1:{ports[1]}/");
        var seen = new List<StreamEntry>();
        ProgramRun server = await StartAsync(directory.Path, redis, ports[0], "--ack", "forwarded", "--admin", admin.Authority);
        try
        {
            using ProgramRun client = StartClient(ports[0], acknowledged, TimeSpan.FromHours(4), rate: 1000, payloadBytes: 2000);
            int rounds = Scale.Of(gate: 4, full: 20);
            for (int round = 0; round < rounds; round++)
            {
                Eventually.That(() => redis.Errors("OOM"), Is.Positive, "Redis is full");
                if (round % 4 == 2)
                {
                    server.Kill();
                    server.Dispose();
                    server = await StartAsync(directory.Path, redis, ports[0], "--ack", "forwarded", "--admin", admin.Authority);
                }
                else if (round % 4 == 3)
                {
                    redis.Kill();
                    redis.Run();
                }

                redis.Server.Execute("CONFIG", "RESETSTAT");
                Consume();
            }

            client.Signal(PosixSignal.SIGINT);
            Assert.That(await client.ExitAsync(TimeSpan.FromMinutes(4)), Is.Zero, client.Everything);
            using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(4));
            while (AdminStatistics.Read(admin)["forward.lagBytes"] > 0)
            {
                Consume();
                await Task.Delay(5, patience.Token); // a consumer's pace
            }

            await server.StopAsync();
        }
        finally
        {
            server.Dispose();
        }

        Assert.That(seen, Is.Not.Empty);
        seen.AddRange(redis.Database.StreamRange(ForwardRig.Key));
        ForwardRig.AssertEqual(directory.Path, [.. seen]);
        AssertAcknowledged(acknowledged, [.. seen]);

        // Reads everything, and trims what it has read.
        void Consume()
        {
            while (redis.Database.StreamRange(ForwardRig.Key, count: 20) is { Length: > 0 } entries)
            {
                seen.AddRange(entries);
                string[] last = $"{entries[^1].Id}".Split('-');
                redis.Database.Execute("XTRIM", ForwardRig.Key, "MINID", $"{last[0]}-{long.Parse(last[1]) + 1}");
            }
        }
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task Redis_away_delays_no_acknowledgement_and_is_caught_up_with(bool isSuspended)
    {
        int rate = Scale.Of(gate: 5_000, full: 50_000);
        using var directory = new TemporaryDirectory();
        using RedisServer redis = RedisServer.Start();
        int port = Machine.FreePort();
        using ProgramRun server = await StartAsync(directory.Path, redis, port, "--ack", "stored", "--admin", "127.0.0.1:0");
        Uri admin = await server.AdminAsync();
        using ProgramRun client = StartClient(port, Path.Combine(redis.Folder, "acknowledged"), TimeSpan.FromHours(4), rate: rate);
        Eventually.That(() => Read("forward.packets"), Is.GreaterThan(2 * rate));
        long memory = server.PeakResidentKiB();
        int line = client.Output.Count;
        if (isSuspended)
        {
            Signals.Suspend(redis.Id);
        }
        else
        {
            redis.Kill();
        }

        long acknowledged = Read("packets.acknowledged");
        var clock = Stopwatch.StartNew();
        await Task.Delay(TimeSpan.FromSeconds(Scale.Of(gate: 3, full: 60))); // the time for which it is away
        double perSecond = (Read("packets.acknowledged") - acknowledged) / clock.Elapsed.TotalSeconds;
        long lag = Read("forward.lagBytes");
        string[] lines = [.. client.Output.Skip(line)];
        if (isSuspended)
        {
            Signals.Resume(redis.Id);
        }
        else
        {
            redis.Run();
        }

        long before = Read("forward.packets");
        Eventually.That(() => Read("forward.packets"), Is.GreaterThan(before)); // connected again
        before = Read("forward.packets");
        clock.Restart();
        long least = lag / 50; // the last of it arrives while it catches up
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        while (Read("forward.lagBytes") > least)
        {
            patience.Token.ThrowIfCancellationRequested();
            await Task.Delay(20);
        }

        double ratio = (Read("forward.packets") - before) / clock.Elapsed.TotalSeconds / rate;
        long grown = server.PeakResidentKiB() - memory;
        await TestContext.Out.WriteLineAsync(
            $"away: {perSecond:F0} packets/s acknowledged, {lag >> 10} KiB behind; caught up in {clock.Elapsed.TotalSeconds:F1} s, "
            + $"{ratio:F1} times the rate; memory {memory >> 10} MiB, then {grown >> 10} MiB more\n{string.Join('\n', lines)}");
        client.Signal(PosixSignal.SIGINT);
        Assert.That(await client.ExitAsync(TimeSpan.FromMinutes(1)), Is.Zero, client.Everything);
        Assert.That((await server.StopAsync())["forward.lagBytes"], Is.Zero);
        ForwardRig.AssertEqual(directory.Path, redis.Database);
        Assert.That(perSecond, Is.GreaterThan(Scale.Of(gate: 50, full: 95) / 100.0 * rate)); // a short time on a busy machine
        Assert.That(grown, Is.LessThan(150 << 10));
        if (Scale.IsFull)
        {
            Assert.That(ratio, Is.GreaterThanOrEqualTo(3));
        }

        long Read(string name) => AdminStatistics.Read(admin)[name];
    }

    [Test]
    public async Task Nothing_is_acknowledged_while_redis_is_away()
    {
        using var directory = new TemporaryDirectory();
        using RedisServer redis = RedisServer.Start();
        int port = Machine.FreePort();
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
        int port = Machine.FreePort();
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
        InstalledProgram.Find("haproxy");
        InstalledProgram.Find("redis-server");
        InstalledProgram.Find("redis-cli", "redis-tools");
        using var directory = new TemporaryDirectory();
        int basePort = Machine.FreePorts(37)[0]; // its script adds up to 36
        try
        {
            await ScriptAsync("start");
            string acknowledged = Path.Combine(directory.Path, "acknowledged");
            using ProgramRun client = StartClient(
                basePort, acknowledged, TimeSpan.FromSeconds(Scale.Of(gate: 15, full: 60)), connections: Scale.Of(gate: 200, full: 2000));
            await client.LineAsync("acked ");
            var options = new ConfigurationOptions { AbortOnConnectFail = false, AllowAdmin = true };
            for (int n = 1; n <= 6; n++)
            {
                options.EndPoints.Add(IPAddress.Loopback, basePort + 20 + n);
            }

            using ConnectionMultiplexer cluster = await ConnectionMultiplexer.ConnectAsync(options);
            Kill("n2");
            await ScriptAsync("server", "2");
            int primary = PrimaryOfFirst(cluster, asked: 1);
            int other = primary == 1 ? 2 : 1;
            Kill($"redis{primary}");
            Kill("haproxy");
            await ScriptAsync("haproxy");
            Eventually.That(() => PrimaryOfFirst(cluster, asked: other), Is.Not.EqualTo(primary), "its replica becomes the primary");
            await ScriptAsync("redis", $"{primary}"); // without it, the new primary has no replica that confirms
            Assert.That(await client.ExitAsync(TimeSpan.FromMinutes(4)), Is.Zero, client.Everything);
            Assert.That(File.ReadLines(acknowledged).Select(line => line.Split(' ')).Count(words => words[1] != words[2]), Is.Zero);
            AssertAcknowledged(acknowledged, [.. Enumerable.Range(1, 3).Select(n => (cluster.GetDatabase(), $"framing:{{n{n}}}"))]);
        }
        finally
        {
            await ScriptAsync("stop");
        }

        // Returns the number of the Redis server that has the stream of server n1.
        int PrimaryOfFirst(ConnectionMultiplexer cluster, int asked)
        {
            IServer server = cluster.GetServer(IPAddress.Loopback, basePort + 20 + asked);
            return ((IPEndPoint)server.ClusterNodes()!.GetBySlot("framing:{n1}")!.EndPoint!).Port - basePort - 20;
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

    private static async Task<ProgramRun> StartAsync(string directory, RedisServer redis, int port, params string[] options)
    {
        ProgramRun run = ProgramRun.Start(
            "Server",
            [
                "--address", "127.0.0.1", "--port", $"{port}", "--log-directory", "none", "--node", "test", "--store", directory,
                "--forward", redis.Url, .. options.Length > 0 ? options : ["--ack", "forwarded"],
            ]);
        return (await ProgramRun.ListeningAsync(run)).Run;
    }

    private static ProgramRun StartClient(
        int port, string acknowledged, TimeSpan duration, int connections = 20, int rate = 2000, int payloadBytes = 32) => ProgramRun.Start(
        "LoadClient",
        [
            "--port", $"{port}", "--connections", $"{connections}", "--duration", $"{duration.TotalSeconds}s", "--rate", $"{rate}",
            "--payload-bytes", $"{payloadBytes}", "--ack", "--serial", "--reconnect", "--ack-log", acknowledged, "--log-directory", "none",
        ]);

    private static async Task<long> ReceiveCountAsync(Peer peer) =>
        BinaryPrimitives.ReadInt64LittleEndian((await peer.ReceiveAsync(15)).AsSpan(7));

    /// <summary>Asserts that every packet that the load client has an acknowledgement for is in one of the streams.</summary>
    private static void AssertAcknowledged(string log, (IDatabase Redis, string Key)[] streams) =>
        AssertAcknowledged(log, [.. streams.SelectMany(stream => ForwardRig.Read(stream.Redis, stream.Key))]);

    private static void AssertAcknowledged(string log, StreamEntry[] entries)
    {
        var seen = new HashSet<(long, long)>();
        foreach (StreamEntry entry in entries)
        {
            foreach ((long _, string _, long _, long _, ReadOnlyMemory<byte> packet)
                in EntryReader.Read(entry["parts"]!, entry["peers"]!, entry["bytes"]!))
            {
                seen.Add(SerialOf(packet.Span));
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
