using DotNettyFraming.Tests.Harness;
using DotNettyFraming.Tests.Server.Storage;
using StackExchange.Redis;

namespace DotNettyFraming.Tests.Server.Forwarding;

/// <summary>The readers of docs/scaling-out.md read what the forwarder writes.</summary>
internal sealed class EntryReaderTests
{
    private static readonly string[] Expected =
    [
        "7 192.0.2.1:5555 0 2601000001000061",
        "7 192.0.2.1:5555 1 2601000001000062",
        "3 [2001:db8::1]:80 0 260200000100006363",
        "7 192.0.2.1:5555 2 2601000001000064",
    ];

    [Test]
    public void Example_of_the_manual_is_read() => Assert.That(
        EntryReader.Read([0x08, 0x0E, 0x00, 0x10, 0xD0, 0x0F], "p\n"u8.ToArray(), Convert.FromHexString("26010000010000612601000001000062"))
            .Select(packet => (packet.Connection, packet.Peer, packet.Number, packet.Received, Convert.ToHexString(packet.Bytes.Span))),
        Is.EqualTo(new[] { (7L, "p", 0L, 1000L, "2601000001000061"), (7L, "p", 1L, 1000L, "2601000001000062") }));

    [Test]
    public void Csharp_reader_returns_packets_with_their_origin()
    {
        StreamEntry entry = Forward();

        Assert.That(
            EntryReader.Read(entry["parts"]!, entry["peers"]!, entry["bytes"]!)
                .Select(packet => $"{packet.Connection} {packet.Peer} {packet.Number} {Convert.ToHexStringLower(packet.Bytes.Span)}"),
            Is.EqualTo(Expected));
        Assert.That(
            EntryReader.Read(entry["parts"]!, entry["peers"]!, entry["bytes"]!).First().Received, Is.EqualTo((long)entry["received"]));
    }

    [Test]
    public async Task Python_reader_returns_packets_with_their_origin()
    {
        const string Program = """
            import reader, sys
            names = sys.stdin.read().split()
            fields = {name.encode(): bytes.fromhex(value) for name, value in zip(names[::2], names[1::2])}
            for connection, peer, number, received, packet in reader.packets(fields):
                print(connection, peer, number, packet.hex())
            """;
        string python = InstalledProgram.Find("python3");
        StreamEntry entry = Forward();
        string input = string.Join(' ', entry.Values.Select(field => $"{field.Name} {Convert.ToHexString((byte[])field.Value!)}"));

        ToolRun run = await ToolRun.RunAsync(
            python, ["-B", "-c", Program], input, null, ("PYTHONPATH", Path.Combine(Repository.Root, "docs", "scaling")));

        Assert.That(run.Errors, Is.Empty);
        Assert.That(run.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries), Is.EqualTo(Expected));
    }

    /// <summary>Returns an entry with parts of two connections, of equal and of other sizes.</summary>
    private static StreamEntry Forward()
    {
        using var directory = new TemporaryDirectory();
        using RedisServer redis = RedisServer.Start();
        using (var store = new StoreRig(directory.Path))
        {
            var first = new StoredPeer(7, "192.0.2.1:5555");
            var second = new StoredPeer(3, "[2001:db8::1]:80");
            store.AppendWithoutTurn(first, "a", "b");
            store.AppendWithoutTurn(second, "cc");
            store.Append(first, "d");
            store.Settle(first, second);
        }

        using var rig = new ForwardRig(directory.Path, redis.Url);
        rig.Settle();
        return redis.Database.StreamRange(ForwardRig.Key).Single();
    }
}
