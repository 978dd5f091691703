using System.Net;
using System.Text.RegularExpressions;
using DotNettyFraming.Tests.Harness;

namespace DotNettyFraming.Tests.Programs;

/// <summary>FAULTS 15: descriptors and memory return to earlier levels after connects, closes and hostile peers.</summary>
/// <remarks>A first round precedes the measurement: it compiles code and sizes pools and heaps.</remarks>
[TestFixture("epoll")]
[TestFixture("sockets")]
[Category("Slow")]
[CancelAfter(300_000)]
public sealed partial class LeakTests(string transport)
{
    private const int MiB = 1024;

    private static readonly int Connects = Scale.Of(gate: 20_000, full: 100_000);
    private static readonly int PeersPerKind = Scale.Of(gate: 1_000, full: 12_500);
    private static readonly int KindsAtATime = Scale.Of(gate: 4, full: 1);
    private static readonly int AttackSeconds = Scale.Of(gate: 1, full: 3);

    private static readonly string[] Kinds =
        ["bad-prefix", "bad-prefix-late", "oversize", "slow-loris", "half-packet", "reset", "connect-flood", "random-bytes"];

    private static readonly TimeSpan RunPatience = TimeSpan.FromSeconds(120);

    [Test]
    public async Task Connects_and_closes_leave_nothing_behind()
    {
        (ProgramRun run, IPEndPoint endpoint) = await StartAsync();
        using ProgramRun server = run;
        int atRest = Descriptors.Of(server.Id);
        await ConnectAndCloseAsync(endpoint, Connects);
        Eventually.That(() => Descriptors.Of(server.Id), Is.LessThanOrEqualTo(atRest + 10));
        int descriptors = Descriptors.Of(server.Id);
        long memory = server.ResidentKiB();

        await ConnectAndCloseAsync(endpoint, Connects);

        Eventually.That(() => Descriptors.Of(server.Id), Is.LessThanOrEqualTo(descriptors + 10));
        Eventually.That(server.ResidentKiB, Is.LessThan(memory + (20 * MiB)), "KiB; garbage is collected after a quiet period");
        TestContext.Out.WriteLine($"{transport}: {memory} KiB, then {server.ResidentKiB()}");
        await StopAsync(server, accepted: 2 * Connects);
    }

    [Test]
    public async Task Hostile_connections_of_every_kind_leave_nothing_behind()
    {
        if (transport == "sockets")
        {
            Scale.RequireFull("takes a minute");
        }

        Machine.RequireConnections(KindsAtATime * PeersPerKind);
        int connections = Kinds.Length * PeersPerKind;
        (ProgramRun run, IPEndPoint endpoint) = await StartAsync(
            "--packet-timeout", "1s", "--max-payload", "65534", "--max-buffered", "64MiB");
        using ProgramRun server = run;
        await AttackAsync(endpoint, 1);
        int descriptors = Descriptors.Of(server.Id);
        long memory = server.ResidentKiB();

        await AttackAsync(endpoint, connections);

        Eventually.That(() => Descriptors.Of(server.Id), Is.LessThanOrEqualTo(descriptors + 10));
        Eventually.That(() => server.ResidentKiB(), Is.LessThan(memory + (20 * MiB)), "KiB; garbage is collected after a quiet period");
        TestContext.Out.WriteLine($"{transport}: {memory} KiB, then {server.ResidentKiB()}");
        await StopAsync(server, accepted: connections);
    }

    private Task<(ProgramRun Run, IPEndPoint Endpoint)> StartAsync(params string[] options) =>
        ProgramRun.StartServerAsync(["--transport", transport, "--event-loops", "2", .. options]);

    private static async Task StopAsync(ProgramRun server, int accepted)
    {
        Dictionary<string, long> counters = await server.StopAsync();
        Assert.Multiple(() =>
        {
            Assert.That(counters["connections.accepted"], Is.GreaterThanOrEqualTo(accepted));
            Assert.That(counters["connections.closed.InternalError"], Is.Zero);
            Assert.That(counters["packets.received"], Is.EqualTo(counters["packets.processed"]));
            Assert.That(server.Everything(), Does.Not.Contain("ERROR").And.Not.Contain("Exception"));
        });
    }

    /// <summary>Connects and closes, eight at a time to eight loopback addresses, so that TIME_WAIT does not exhaust the ports.</summary>
    /// <remarks>Every hundredth peer waits for the server to close it, so that the listener's queue never overflows.</remarks>
    private static Task ConnectAndCloseAsync(IPEndPoint server, int count) =>
        Task.WhenAll(Enumerable.Range(1, 8).Select(worker => Task.Run(async () =>
        {
            var address = new IPAddress([127, 0, 1, (byte)worker]);
            for (int i = 1; i <= count / 8; i++)
            {
                using Peer peer = await Peer.ConnectAsync(server, address);
                if (i % 100 == 0)
                {
                    await peer.SendAsync("X"u8.ToArray());
                    await peer.ClosedByServerAsync();
                }
            }
        })));

    /// <summary>Runs the load client's hostile peers of every kind, until they have made this number of connections.</summary>
    private static async Task AttackAsync(IPEndPoint server, int connections)
    {
        int made = 0;
        do
        {
            foreach (string[] kinds in Kinds.Chunk(KindsAtATime))
            {
                made += (await Task.WhenAll(kinds.Select(kind => AttackAsync(server, kind)))).Sum();
            }
        }
        while (made < connections);
    }

    /// <summary>Runs hostile peers of one kind next to a little ordinary load; returns the number of their connections.</summary>
    private static async Task<int> AttackAsync(IPEndPoint server, string kind)
    {
        using ProgramRun client = ProgramRun.Start(
            "LoadClient",
            [
                "--port", $"{server.Port}", "--log-directory", "none",
                "--connections", "10", "--rate", "1000", "--duration", $"{AttackSeconds}s",
                "--source", "127.0.0.1,127.0.0.2,127.0.0.3", "--abuse", kind, "--abuse-connections", $"{PeersPerKind}",
            ]);
        Assert.That(await client.ExitAsync(RunPatience), Is.Zero, client.Everything);
        return client.Output.Select(line => PeersMade().Match(line)).Where(match => match.Success)
            .Sum(match => int.Parse(match.Groups[1].Value));
    }

    [GeneratedRegex("^[a-z-]+ +([0-9]+) peers")]
    private static partial Regex PeersMade();
}
