using System.Text;
using CsCheck;
using DotNettyFraming.Server.Pipeline.Proxy;
using DotNettyFraming.Tests.Harness;
using static DotNettyFraming.Tests.Harness.ProxyHeaders;

namespace DotNettyFraming.Tests.Server.Pipeline.Proxy;

/// <summary>FAULTS 24: valid and invalid PROXY headers.</summary>
[CancelAfter(60_000)]
public sealed class ProxyHeaderTests
{
    private static readonly byte[] IPv6Addresses = Convert.FromHexString(
        "20010DB8000000000000000000000007" + "20010DB8000000000000000000000001" + "DC04" + "270F");

    private static readonly byte[] IPv4Addresses = Convert.FromHexString("C0000207" + "C6336401" + "DC04" + "270F");

    /// <summary>Returns complete headers, each with the peer that it names or null.</summary>
    private static IEnumerable<TestCaseData> Complete()
    {
        TestCaseData Case(string name, byte[] header, string? peer) => new TestCaseData(header, peer).SetArgDisplayNames(name);

        yield return Case("1: the specification's example", Line("TCP4 192.168.0.1 192.168.0.11 56324 443"), "192.168.0.1:56324");
        yield return Case("1: longest TCP4", Line("TCP4 255.255.255.255 255.255.255.255 65535 65535"), "255.255.255.255:65535");
        yield return Case("1: zeros", Line("TCP4 0.0.0.0 0.0.0.0 0 0"), "0.0.0.0:0");
        yield return Case("1: TCP6", Line("TCP6 2001:db8::7 2001:DB8::1 56324 9999"), "[2001:db8::7]:56324");
        yield return Case(
            "1: longest TCP6",
            Line("TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535"),
            "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe]:65535");
        yield return Case("1: TCP6, mapped", Line("TCP6 ::ffff:192.0.2.7 ::ffff:c633:6401 56324 9999"), "[::ffff:192.0.2.7]:56324");
        yield return Case("1: UNKNOWN", Line("UNKNOWN"), null);
        yield return Case("1: UNKNOWN with whatever", Line("UNKNOWN \0 what\never \rfollows"), null);
        yield return Case("1: longest UNKNOWN", Line($"UNKNOWN {new string('x', 107 - 16)}"), null);
        yield return Case("2: TCP over IPv4", Binary(0x21, 0x11, IPv4Addresses), "192.0.2.7:56324");
        yield return Case("2: TCP over IPv6", Binary(0x21, 0x21, IPv6Addresses), "[2001:db8::7]:56324");
        yield return Case("2: with a TLV", Binary(0x21, 0x11, IPv4Addresses, [0x04, 0x00, 0x01, 0xFF]), "192.0.2.7:56324");
        yield return Case("2: longest", Binary(0x21, 0x21, IPv6Addresses, new byte[520 - 36]), "[2001:db8::7]:56324");
        yield return Case("2: LOCAL", Binary(0x20, 0x00), null);
        yield return Case("2: LOCAL with addresses", Binary(0x20, 0x11, IPv4Addresses), null);
        yield return Case("2: LOCAL of an unknown family", Binary(0x20, 0xFF, [1, 2, 3]), null);
        yield return Case("2: unspecified", Binary(0x21, 0x00), null);
        yield return Case("2: unspecified, with bytes", Binary(0x21, 0x00, [1, 2, 3]), null);
        yield return Case("2: UDP over IPv4", Binary(0x21, 0x12, IPv4Addresses), null);
        yield return Case("2: UDP over IPv6", Binary(0x21, 0x22, IPv6Addresses), null);
        yield return Case("2: AF_UNIX", Binary(0x21, 0x31, new byte[216]), null);
    }

    /// <summary>Returns invalid headers, each with the number of bytes after which it must be recognised.</summary>
    private static IEnumerable<TestCaseData> Invalid()
    {
        TestCaseData Case(string name, byte[] bytes, int seenAfter, bool isTooLong = false) =>
            new TestCaseData(bytes, seenAfter, isTooLong).SetArgDisplayNames(name);
        TestCaseData TooLong(string name, byte[] bytes, int seenAfter) => Case(name, bytes, seenAfter, isTooLong: true);
        TestCaseData OfLine(string line) => Case($"1: {line}", Line(line), Line(line).Length);

        yield return Case("a packet", Packets.Article, 1);
        yield return Case("TLS", [0x16, 0x03, 0x01], 1);
        yield return Case("1: lower case", "proxy TCP4"u8.ToArray(), 1);
        yield return Case("1: another word", "PROXIMA"u8.ToArray(), 5);
        yield return Case("1: CRLF immediately", "PROXY\r\n"u8.ToArray(), 6);
        yield return TooLong("1: no CRLF in 107 bytes", Encoding.Latin1.GetBytes($"PROXY UNKNOWN {new string('x', 200)}\r\n"), 107);
        yield return TooLong("1: CRLF one byte late", Line($"UNKNOWN {new string('x', 107 - 15)}"), 107);
        yield return TooLong("1: LF alone", Encoding.Latin1.GetBytes($"PROXY TCP4 192.0.2.7 198.51.100.1 1 2\n{new string('x', 70)}"), 107);
        yield return OfLine("");
        yield return OfLine("UNKNOWNS");
        yield return OfLine("TCP5 192.0.2.7 198.51.100.1 1 2");
        yield return OfLine("tcp4 192.0.2.7 198.51.100.1 1 2");
        yield return OfLine("UDP4 192.0.2.7 198.51.100.1 1 2");
        yield return OfLine("TCP4");
        yield return OfLine("TCP4 192.0.2.7 198.51.100.1 1");
        yield return OfLine("TCP4 192.0.2.7 198.51.100.1 1 2 3");
        yield return OfLine("TCP4 192.0.2.7  198.51.100.1 1 2");
        yield return OfLine(" TCP4 192.0.2.7 198.51.100.1 1 2");
        yield return OfLine("TCP4 192.0.2.7 198.51.100.1 1 2 ");
        yield return OfLine("TCP4\t192.0.2.7 198.51.100.1 1 2");
        yield return OfLine("TCP4 192.0.2.07 198.51.100.1 1 2");
        yield return OfLine("TCP4 192.0.2.7 198.51.100.01 1 2");
        yield return OfLine("TCP4 192.0.2.256 198.51.100.1 1 2");
        yield return OfLine("TCP4 192.0.2 198.51.100.1 1 2");
        yield return OfLine("TCP4 192.0.2.7.1 198.51.100.1 1 2");
        yield return OfLine("TCP4 0x1.0.2.7 198.51.100.1 1 2");
        yield return OfLine("TCP4 2001:db8::7 2001:db8::1 1 2");
        yield return OfLine("TCP4 192.0.2.7 2001:db8::1 1 2");
        yield return OfLine("TCP6 192.0.2.7 198.51.100.1 1 2");
        yield return OfLine("TCP6 2001:db8::7 198.51.100.1 1 2");
        yield return OfLine("TCP6 2001::db8::7 2001:db8::1 1 2");
        yield return OfLine("TCP6 2001:db8::10000 2001:db8::1 1 2");
        yield return OfLine("TCP6 fe80::1%1 2001:db8::1 1 2");
        yield return OfLine("TCP6 [2001:db8::7] 2001:db8::1 1 2");
        yield return OfLine("TCP6 1:2:3:4:5:6:7 2001:db8::1 1 2");
        yield return OfLine("TCP4 192.0.2.7 198.51.100.1 65536 2");
        yield return OfLine("TCP4 192.0.2.7 198.51.100.1 1 65536");
        yield return OfLine("TCP4 192.0.2.7 198.51.100.1 01 2");
        yield return OfLine("TCP4 192.0.2.7 198.51.100.1 1 00");
        yield return OfLine("TCP4 192.0.2.7 198.51.100.1 -1 2");
        yield return OfLine("TCP4 192.0.2.7 198.51.100.1 +1 2");
        yield return OfLine("TCP4 192.0.2.7 198.51.100.1 1 4294967297");
        yield return Case("2: signature wrong in its last byte", Convert.FromHexString("0D0A0D0A000D0A515549540B21110000"), 12);
        yield return Case("2: version 1 in binary", Binary(0x11, 0x11, IPv4Addresses), 13);
        yield return Case("2: version 3", Binary(0x31, 0x11, IPv4Addresses), 13);
        yield return Case("2: a command unheard of", Binary(0x22, 0x11, IPv4Addresses), 13);
        yield return Case("2: a family unheard of", Binary(0x21, 0x41, IPv4Addresses), 16);
        yield return Case("2: a transport unheard of", Binary(0x21, 0x13, IPv4Addresses), 16);
        yield return Case("2: shorter than its addresses", Binary(0x21, 0x11, IPv4Addresses[1..]), 16);
        yield return Case("2: IPv6 with IPv4's length", Binary(0x21, 0x21, IPv4Addresses), 16);
        yield return Case("2: AF_UNIX, too short", Binary(0x21, 0x31, new byte[215]), 16);
        yield return TooLong("2: too long", Binary(0x21, 0x11, new byte[521]), 16);
        yield return TooLong("2: LOCAL, too long", Binary(0x20, 0x00, new byte[521]), 16);
    }

    [TestCaseSource(nameof(Complete))]
    public void Header_is_complete_with_its_last_byte_and_whatever_follows(byte[] bytes, string? peer)
    {
        for (int length = 0; length < bytes.Length; length++)
        {
            Assert.That(Parse(bytes[..length]), Is.EqualTo((ProxyHeaderOutcome.NeedMore, (string?)null, 0)), $"after {length} bytes");
        }

        Assert.Multiple(() =>
        {
            Assert.That(Parse(bytes), Is.EqualTo((ProxyHeaderOutcome.Complete, peer, bytes.Length)));
            Assert.That(
                Parse(Packets.Glue(bytes, "&\r\n"u8.ToArray())),
                Is.EqualTo((ProxyHeaderOutcome.Complete, peer, bytes.Length)),
                "followed");
        });
    }

    [TestCaseSource(nameof(Invalid))]
    public void What_is_no_header_is_seen_as_early_as_it_can_be(byte[] bytes, int seenAfter, bool isTooLong)
    {
        ProxyHeaderOutcome seen = isTooLong ? ProxyHeaderOutcome.TooLong : ProxyHeaderOutcome.Invalid;
        for (int length = 0; length <= bytes.Length; length++)
        {
            ProxyHeaderOutcome expected = length < seenAfter ? ProxyHeaderOutcome.NeedMore : seen;
            Assert.That(Parse(bytes[..length]), Is.EqualTo((expected, (string?)null, 0)), $"after {length} bytes");
        }
    }

    [Test]
    public void Random_bytes_never_throw_and_the_outcome_does_not_depend_on_what_follows()
    {
        byte[][] starts =
        [
            [], "PROXY "u8.ToArray(), "PROXY TCP4 1.2.3.4 1.2.3.4 "u8.ToArray(), "PROXY TCP6 ::1 "u8.ToArray(), Version1, Version2,
        ];
        Gen<byte> unit = Gen.OneOf(Gen.Byte, Gen.OneOf("\r\n .:%0123456789abcdef"u8.ToArray()));
        Gen.Select(Gen.Int[0, starts.Length - 1].Select(i => starts[i]), Gen.Int[0, 50], unit.Array[0, 600], Gen.Int[0, 650])
            .Select((start, lost, rest, cut) => (Bytes: Packets.Glue(start[..Math.Max(0, start.Length - lost)], rest), Cut: cut))
            .Sample(
                given =>
                {
                    (ProxyHeaderOutcome Outcome, string? Peer, int Consumed) whole = Parse(given.Bytes);
                    byte[] first = given.Bytes[..Math.Min(given.Cut, given.Bytes.Length)];
                    (ProxyHeaderOutcome Outcome, string? Peer, int Consumed) part = Parse(first);
                    bool mayWait = given.Bytes.Length < ProxyHeader.MaxBytes || whole.Outcome != ProxyHeaderOutcome.NeedMore;
                    bool consumesWhatIsThere = whole.Consumed <= Math.Min(given.Bytes.Length, ProxyHeader.MaxBytes);
                    return mayWait && consumesWhatIsThere && (part.Outcome == ProxyHeaderOutcome.NeedMore || part == whole);
                },
                iter: 200_000,
                threads: 2);
    }

    private static (ProxyHeaderOutcome Outcome, string? Peer, int Consumed) Parse(byte[] bytes)
    {
        ProxyHeaderOutcome outcome = ProxyHeader.TryParse(bytes, out ProxyHeader header, out int consumed);
        return (outcome, header.Source?.ToString(), consumed);
    }
}
