using System.Text;
using CsCheck;
using DotNettyFraming.LoadClient.Verification;
using static DotNettyFraming.LoadClient.Verification.ServerStatistics;

namespace DotNettyFraming.Tests.LoadClient.Verification;

public sealed class ServerStatisticsTests
{
    private const string AllMissing = "uptimeSeconds is missing, packets.received is missing, packets.processed is missing, "
        + "packets.dropped is missing, bytes.received is missing, bytes.header is missing, bytes.payload is missing, "
        + "bytes.discarded is missing, bytes.unfinished is missing";

    private static readonly ServerStatistics Sample = SampleStatistics.Counts(
        (Uptime, 1), (PacketsReceived, 20), (PacketsProcessed, 17), (PacketsDropped, 3), (BytesReceived, 171), (BytesHeader, 140),
        (BytesPayload, 10), (BytesDiscarded, 15), (BytesUnfinished, 6));

    [Test]
    public void Each_field_is_read_from_its_place() =>
        Assert.That(Parse(SampleStatistics.Json(Sample)), Is.EqualTo(SampleStatistics.Answer(Sample)));

    [TestCase("""{ "uptimeSeconds": 1, "packets": { "received": 1, "processed": 1 }, "bytes": 5 }""",
        "packets.dropped is missing, bytes.received is missing, bytes.header is missing, bytes.payload is missing, "
        + "bytes.discarded is missing, bytes.unfinished is missing")]
    [TestCase("[]", AllMissing)]
    [TestCase("{}", AllMissing)]
    [TestCase("1", AllMissing)]
    [TestCase("null", AllMissing)]
    public void Missing_fields_are_all_named(string json, string faults) =>
        Assert.That(Parse(json).Fault, Is.EqualTo($"answered JSON in which {faults}"));

    [TestCase("\"17\"")]
    [TestCase("17.5")]
    [TestCase("1e3")]
    [TestCase("9223372036854775808")]
    [TestCase("null")]
    [TestCase("{}")]
    [TestCase("true")]
    public void Field_that_is_no_integer_is_named(string value) => Assert.That(
        Parse(SampleStatistics.Json(Sample).Replace("\"processed\": 17", $"\"processed\": {value}", StringComparison.Ordinal)).Fault,
        Is.EqualTo("answered JSON in which packets.processed is not an integer"));

    [TestCase("")]
    [TestCase("<!DOCTYPE html><html></html>")]
    [TestCase("{ \"uptimeSeconds\": 1")]
    [TestCase("{ \"uptimeSeconds\": 1 } and more")]
    [TestCase("""{ "\uD800\uD800\uD800\uD800": 1 }""")]
    public void Other_text_is_not_JSON(string text) => Assert.That(Parse(text).Fault, Is.EqualTo("answered something that is not JSON"));

    [Test]
    public void No_answer_throws() => Gen.OneOf(
        Gen.Byte.Array[0, 60],
        Gen.Int[0, 200].Select(Gen.Byte, (at, value) =>
        {
            byte[] json = Encoding.UTF8.GetBytes(SampleStatistics.Json(Sample));
            json[at] = value;
            return json;
        })).Sample(json => ServerStatistics.Parse(json) is { Statistics: null } != ServerStatistics.Parse(json) is { Fault: null });

    [Test]
    public void Books_balance_when_every_packet_and_byte_is_accounted_for()
    {
        Assert.That(Balances(Sample));
        Assert.That(Sample.With((PacketsProcessed, 16)).PacketsPending, Is.EqualTo(1));
        Assert.Multiple(() =>
        {
            Assert.That(Balances(Sample.With((PacketsProcessed, 16))), Is.False, "one pending");
            Assert.That(Balances(Sample.With((PacketsDropped, 4))), Is.False, "one dropped that was processed");
            Assert.That(Balances(Sample.With((BytesReceived, 172))), Is.False);
            Assert.That(Balances(Sample.With((BytesPayload, 9))), Is.False);
            Assert.That(Balances(Sample.With((BytesDiscarded, 16))), Is.False);
            Assert.That(Balances(Sample.With((BytesUnfinished, 7))), Is.False);
        });
    }

    [Test]
    public void Difference_is_taken_field_by_field()
    {
        var later = SampleStatistics.Counts(
            (Uptime, 11), (PacketsReceived, 120), (PacketsProcessed, 217), (PacketsDropped, 303), (BytesReceived, 571),
            (BytesHeader, 740), (BytesPayload, 510), (BytesDiscarded, 615), (BytesUnfinished, 0));

        Assert.That(later.Since(Sample), Is.EqualTo(SampleStatistics.Counts(
            (Uptime, 10), (PacketsReceived, 100), (PacketsProcessed, 200), (PacketsDropped, 300), (BytesReceived, 400),
            (BytesHeader, 600), (BytesPayload, 500), (BytesDiscarded, 600), (BytesUnfinished, -6))));
    }

    [Test]
    public void Uptime_alone_is_no_change()
    {
        Assert.That(Sample.CountsTheSameAs(Sample.With((Uptime, 2))));
        Assert.That(Sample.CountsTheSameAs(Sample.With((BytesUnfinished, 5))), Is.False);
    }

    [Test]
    public void Whatever_only_grows_shows_that_a_server_restarted()
    {
        Assert.Multiple(() =>
        {
            Assert.That(Sample.WentBackFrom(Sample), Is.Null);
            Assert.That(Sample.With((Uptime, 0)).WentBackFrom(Sample), Is.EqualTo("uptimeSeconds went back from 1 to 0"));
            Assert.That(Sample.With((PacketsReceived, 19)).WentBackFrom(Sample), Is.EqualTo("packets.received went back from 20 to 19"));
            Assert.That(Sample.With((PacketsProcessed, 0)).WentBackFrom(Sample), Is.EqualTo("packets.processed went back from 17 to 0"));
            Assert.That(Sample.With((PacketsDropped, 2)).WentBackFrom(Sample), Is.EqualTo("packets.dropped went back from 3 to 2"));
            Assert.That(Sample.With((BytesReceived, 170)).WentBackFrom(Sample), Is.EqualTo("bytes.received went back from 171 to 170"));
            Assert.That(Sample.With((BytesPayload, 9)).WentBackFrom(Sample), Is.EqualTo("bytes.payload went back from 10 to 9"));
            Assert.That(Sample.With((BytesDiscarded, 14)).WentBackFrom(Sample), Is.EqualTo("bytes.discarded went back from 15 to 14"));
            Assert.That(Sample.With((BytesUnfinished, 0)).WentBackFrom(Sample), Is.Null, "a packet became whole");
        });
    }

    private static bool Balances(ServerStatistics statistics) =>
        statistics.PacketsPending == 0 && statistics.BytesAccountedFor == statistics[BytesReceived];

    private static StatisticsReading Parse(string json) => ServerStatistics.Parse(Encoding.UTF8.GetBytes(json));
}
