using System.Text;
using CsCheck;
using DotNettyFraming.Codec;

namespace DotNettyFraming.Tests.Codec;

/// <summary>Header layouts: their grammar, and the same packets and faults for each of them, however a stream is split.</summary>
[CancelAfter(120_000)]
public sealed class HeaderLayoutTests
{
    private const string Gt06 = "78 78 len:u8+2 | 79 79 len:u16be+2";
    private const string Teltonika = "00 00 00 00 len:u32be+4 | len:u16be";
    private const string Postgres = "00 00 len:u16be-4 | skip:1 len:u32be-4";

    private static readonly string[] Layouts =
    [
        "26 len:u16le time:u32le",
        "55 AA skip:1 len:u16be skip:4",
        "len:u32be",
        "skip:1 len:u32be-4",
        Gt06,
        Teltonika,
        "skip:1 03 skip:1 len:u16be",
        "len:u16be",
        Postgres,
        "len:u24le&7FFF AB time:u32be",
    ];

    [TestCase("26 len:u16le time:u32le", 7, 65_535, true)]
    [TestCase("len:u32be", 4, 16_777_216, false)]
    [TestCase("len:u24be", 3, 16_777_215, false)]
    [TestCase("78 78 len:u8+2 | 79 79 len:u16be+2", 4, 65_537, false)]
    [TestCase("len:u16be&3FF skip:2", 4, 1_023, false)]
    public void Layout_says_its_header_its_longest_payload_and_whether_it_has_a_time(string text, int header, int payload, bool time)
    {
        HeaderLayout layout = HeaderLayout.Parse(text);

        Assert.That((layout.MaxHeaderLength, layout.MaxPayloadLength, layout.HasTime), Is.EqualTo((header, payload, time)));
        Assert.That($"{layout}", Is.EqualTo(text));
    }

    [TestCase("", "is empty")]
    [TestCase("26", "has no length")]
    [TestCase("26 len:u17", "token 2, 'len:u17'")]
    [TestCase("2 len:u8", "token 1, '2'")]
    [TestCase("26 len:u16le len:u8", "token 3, 'len:u8': the header has a length already")]
    [TestCase("len:u8 time:u32le time:u32le", "token 3")]
    [TestCase("len:u8 time:u16le", "token 2")]
    [TestCase("skip:0 len:u8", "token 1")]
    [TestCase("skip:65 len:u8", "token 1")]
    [TestCase("skip:64 len:u8", "token 2, 'len:u8': the header is longer than 64 bytes")]
    [TestCase("len:u8-256", "token 1")]
    [TestCase("len:u8&100", "token 1")]
    [TestCase("len:u8+0", "token 1")]
    [TestCase("len:u8+65536", "token 1")]
    [TestCase("len:u8 |", "token 2, '|': an alternative has no bytes")]
    [TestCase("| len:u8", "token 1")]
    public void Text_that_is_no_layout_is_refused_in_one_line_that_names_the_token(string text, string error)
    {
        Assert.That(HeaderLayout.TryParse(text, out _, out string? said), Is.False);

        Assert.That(said, Does.Contain(error));
        Assert.That(said, Does.Not.Contain("\n"));
        Assert.That(() => HeaderLayout.Parse(text), Throws.InstanceOf<FormatException>());
    }

    [TestCaseSource(nameof(Layouts))]
    public void Packets_are_the_same_however_the_stream_is_split(string text)
    {
        HeaderLayout layout = HeaderLayout.Parse(text);
        byte[][] packets = [.. Payloads(layout).Select(payload => Packet(layout, payload))];
        byte[] stream = [.. packets.SelectMany(packet => packet)];
        string[] expected = [.. Payloads(layout).Select(Convert.ToHexString)];

        AssertPayloads(layout, expected, [stream]);
        AssertPayloads(layout, expected, [.. stream.Select(each => new[] { each })]);
        for (int cut = 1; cut < stream.Length; cut++)
        {
            AssertPayloads(layout, expected, [stream[..cut], stream[cut..]]);
        }
    }

    [TestCase("26 len:u16le time:u32le", "27", FramingFaultKind.InvalidPrefix)]
    [TestCase("55 AA skip:1 len:u16be skip:4", "55AB", FramingFaultKind.InvalidPrefix)]
    [TestCase("skip:1 03 skip:1 len:u16be", "1604", FramingFaultKind.InvalidPrefix)]
    [TestCase("78 78 len:u8+2 | 79 79 len:u16be+2", "7879", FramingFaultKind.InvalidPrefix)]
    [TestCase("skip:1 len:u32be-4", "5100000003", FramingFaultKind.InvalidLength)]
    [TestCase("len:u32be", "00010000", FramingFaultKind.PayloadTooLarge)]
    [TestCase("len:u32be", "FFFFFFFF", FramingFaultKind.PayloadTooLarge)]
    [TestCase("00 00 len:u16be-4 | skip:1 len:u32be-4", "00000003", FramingFaultKind.InvalidLength)]
    public void Fault_is_found_with_its_last_byte_and_once(string text, string bytes, FramingFaultKind kind)
    {
        HeaderLayout layout = HeaderLayout.Parse(text);
        byte[] fault = Convert.FromHexString(bytes);
        byte[] good = Packet(layout, "ab"u8.ToArray());
        using var decoder = new DecoderHarness(layout: layout);

        decoder.Read(good).Read(fault[..^1].Select(each => new[] { each }));
        Assert.That(decoder.Faults, Is.Empty);
        decoder.Read([fault[^1]]).Read(good);

        Assert.That(decoder.Packets, Has.Count.EqualTo(1), "what follows a fault is discarded");
        Assert.That(decoder.Faults.Select(each => (each.Kind, each.Offset)), Is.EqualTo(new[] { (kind, (long)good.Length) }));
    }

    [TestCase("26 len:u16le time:u32le", "260800004080FF")]
    [TestCase(Gt06, "78 78 06")]
    [TestCase("00 00 00 00 len:u32be+4 | len:u16be", "00 00 00 00 00 00 00 04")]
    [TestCase("55 AA skip:1 len:u16be skip:4", "55 AA 00 00 08 00 00 00 00")]
    public void Header_of_eight_bytes_is_written_with_literals_zeros_length_and_time(string text, string expected)
    {
        byte[] header = new byte[64];

        int length = HeaderLayout.Parse(text).WriteHeader(header, 8, 0xFF804000);

        Assert.That(Convert.ToHexString(header[..length]), Is.EqualTo(expected.Replace(" ", "", StringComparison.Ordinal)));
    }

    [TestCase("len:u8+9", 8, false)]
    [TestCase("len:u8&6", 8, false)]
    [TestCase("len:u8&6", 6, true)]
    [TestCase("len:u8", 256, false)]
    [TestCase("01 len:u8 | 02 len:u16be", 256, true)]
    public void Length_that_no_header_can_announce_is_known(string text, int payload, bool can)
    {
        HeaderLayout layout = HeaderLayout.Parse(text);

        Assert.That(layout.CanSay(payload), Is.EqualTo(can));
        if (!can)
        {
            Assert.That(() => layout.HeaderLength(payload), Throws.InstanceOf<ArgumentOutOfRangeException>());
        }
    }

    [Test]
    public void Batch_of_a_layout_gives_header_payload_and_time()
    {
        HeaderLayout layout = HeaderLayout.Parse("AA len:u8 time:u32be");
        using var decoder = new DecoderHarness(layout: layout);
        decoder.Give(DotNetty.Buffers.Unpooled.WrappedBuffer([0xAA, 2, 1, 2, 3, 4, 0x61, 0x62]));
        PacketBatch batch = decoder.TakeBatch();

        foreach (Packet packet in batch)
        {
            Assert.That(Convert.ToHexString(packet.Header), Is.EqualTo("AA0201020304"));
            Assert.That(Encoding.ASCII.GetString(packet.Payload), Is.EqualTo("ab"));
            Assert.That(packet.Time, Is.EqualTo(0x01020304));
        }

        Assert.That((batch.HeaderByteCount, batch.PayloadByteCount, batch.FirstTime), Is.EqualTo((6, 2, 0x01020304u)));
        batch.Release();
    }

    [Test]
    public void Random_streams_of_random_layouts_decode_as_the_reference_says()
    {
        Gen<string> literal = Of("00", "01", "26", "78");
        Gen<string> length = Of("len:u8", "len:u16le", "len:u16be", "len:u24le", "len:u24be", "len:u32le", "len:u32be",
            "len:u8-2", "len:u16be-4", "len:u8+3", "len:u16le&F", "len:u32be-4", "len:u16be&701");
        Gen<string> other = Gen.OneOf(literal, literal, Of("skip:1", "skip:3", "time:u32le"));
        Gen<string> alternative =
            from before in other.List[0, 3]
            from field in length
            from after in other.List[0, 2]
            let tokens = before.Append(field).Concat(after).ToList()
            where tokens.Count(token => token.StartsWith("time", StringComparison.Ordinal)) <= 1
            select string.Join(' ', tokens);
        Gen<byte> small = Gen.OneOf(Of<byte>(0, 1, 2, 3, 5, 0x26, 0x78), Gen.Byte);
        Gen<(string Layout, byte[] Stream, int[] Cuts)> cases =
            from alternatives in alternative.List[1, 3]
            from stream in small.Array[0, 60]
            from cuts in Gen.Int[1, 9].Array[60]
            select (string.Join(" | ", alternatives), stream, cuts);

        cases.Sample(
            each =>
            {
                HeaderLayout layout = HeaderLayout.Parse(each.Layout);
                int max = Math.Min(40, layout.MaxPayloadLength);
                (List<int> packets, FramingFaultKind? fault, int faultAt) = new LayoutReference(each.Layout, max).Decode(each.Stream);
                using var decoder = new DecoderHarness(max, layout: layout);
                for (int at = 0, i = 0; at < each.Stream.Length; i++)
                {
                    int end = Math.Min(at + each.Cuts[i], each.Stream.Length);
                    decoder.Read(each.Stream[at..end]);
                    at = end;
                }

                using var whole = new DecoderHarness(max, layout: layout);
                whole.Read(each.Stream);
                bool same = Same(decoder) && Same(whole);
                return same;

                bool Same(DecoderHarness one) =>
                    one.Lengths.SequenceEqual(packets)
                    && one.Faults.Select(found => found.Kind).SequenceEqual(fault is { } kind ? [kind] : [])
                    && (fault is null || one.Faults[0].Offset == faultAt);
            },
            iter: 20_000,
            print: each => $"{each.Layout}: {Convert.ToHexString(each.Stream)} cut {string.Join(',', each.Cuts.Take(20))}");
    }

    private static Gen<T> Of<T>(params T[] values) => Gen.OneOf([.. values.Select(value => Gen.Const(value))]);

    private static byte[][] Payloads(HeaderLayout layout) =>
        [.. new[] { 5, 0, 2, 9, 9, 17 }.Where(layout.CanSay)
            .Select(length => Enumerable.Range(1, length).Select(each => (byte)each).ToArray())];

    private static byte[] Packet(HeaderLayout layout, byte[] payload)
    {
        byte[] packet = new byte[HeaderLayout.LongestHeader + payload.Length];
        return packet[..layout.WritePacket(packet, 7, payload)];
    }

    private static void AssertPayloads(HeaderLayout layout, string[] expected, byte[][] reads)
    {
        using var decoder = new DecoderHarness(layout: layout);
        decoder.Read(reads);

        Assert.That(decoder.Faults, Is.Empty);
        Assert.That(decoder.Packets.Select(packet => Convert.ToHexString(packet.Payload)), Is.EqualTo(expected));
    }
}
