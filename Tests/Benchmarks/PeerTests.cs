using System.Net;
using DotNettyFraming.Benchmarks.Comparison;
using DotNettyFraming.Tests.Codec;
using DotNettyFraming.Tests.Harness;

namespace DotNettyFraming.Tests.Benchmarks;

/// <summary>The contract of all servers of the comparison, ours included, so that their figures are comparable.</summary>
[CancelAfter(60_000)]
[Category("Slow")]
public sealed class PeerTests
{
    private static readonly int[] Payloads = [25, 0, 300, 65_535, 1, 0];

    private static IEnumerable<string> Names => Contestants.All.Select(contestant => contestant.Name);

    [OneTimeTearDown]
    public void Delete_built_programs() => Contestants.CleanUp();

    [TestCaseSource(nameof(Names))]
    public async Task Peer_counts_each_packet_once_however_bytes_are_grouped(string name)
    {
        using ServerProcess server = await StartAsync(name);
        byte[] packets = Wire.Packets(Payloads);
        byte[] start = packets[..400]; // byte by byte, over headers, empty packets and payloads

        await SendAndFinishAsync(server, [packets]);
        await SendAndFinishAsync(server, [.. start.Select(single => new[] { single }), packets[400..]]);
        await SendAndFinishAsync(server, packets.Chunk(1009));

        Assert.That(await server.StopAsync(), Is.EqualTo(3 * Payloads.Length));
    }

    [TestCaseSource(nameof(Names))]
    public async Task Peer_discards_an_unfinished_packet_at_a_close(string name)
    {
        using ServerProcess server = await StartAsync(name);

        await SendAndFinishAsync(server, [Wire.Packet(25), Wire.Packet(40_000)[..20_000]]);

        Assert.That(await server.StopAsync(), Is.EqualTo(1));
    }

    [TestCaseSource(nameof(Names))]
    public async Task Peer_closes_at_a_wrong_prefix(string name)
    {
        using ServerProcess server = await StartAsync(name);
        using Peer peer = await Peer.ConnectAsync(new IPEndPoint(IPAddress.Loopback, server.Port));

        await peer.SendAsync(Wire.Packet(25));
        await peer.SendAsync("XXXXXXX\0\0"u8.ToArray());
        await peer.SendAsync(new byte[ushort.MaxValue]); // DotNetty's decoder checks no prefix before a whole packet
        await peer.ClosedByServerAsync();

        Assert.That(await server.StopAsync(), Is.EqualTo(1));
    }

    private static async Task<ServerProcess> StartAsync(string name)
    {
        Contestant contestant = Programs.InTests(Contestants.All.Single(candidate => candidate.Name == name));
        string? skipped = null;
        if ((await Contestants.PrepareAsync([contestant], reason => skipped = reason)).Count == 0)
        {
            Assert.That(Environment.GetEnvironmentVariable("CI"), Is.Null, skipped);
            Assert.Ignore(skipped!);
        }

        return await ServerProcess.StartAsync(contestant);
    }

    private static async Task SendAndFinishAsync(ServerProcess server, IEnumerable<byte[]> pieces)
    {
        using Peer peer = await Peer.ConnectAsync(new IPEndPoint(IPAddress.Loopback, server.Port));
        foreach (byte[] piece in pieces)
        {
            await peer.SendAsync(piece);
        }

        peer.Finish();
        await peer.ClosedByServerAsync();
    }
}
