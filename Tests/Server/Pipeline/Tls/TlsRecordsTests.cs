using DotNetty.Buffers;
using DotNettyFraming.Server.Pipeline.Tls;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Server.Pipeline.Tls;

public sealed class TlsRecordsTests
{
    /// <summary>Three records; the second has a fragment of 300 bytes, so that both bytes of its length matter.</summary>
    private static readonly byte[] Records = Glue([22, 3, 1, 0, 2, 7, 7], [23, 3, 3, 1, 44], new byte[300], [21, 3, 3, 0, 1, 9]);

    private static readonly int[] Ends = [7, 312, 318];

    [Test]
    public void Records_cut_at_any_two_places_are_read_whole_and_one_at_a_time([Values(3, 4096)] int readBytes)
    {
        for (int first = 0; first <= Records.Length; first++)
        {
            for (int second = first; second <= Records.Length; second += 17)
            {
                var records = new TlsRecords();
                var arrived = new List<byte>();
                int taken = 0;
                foreach (byte[] read in new[] { Records[..first], Records[first..second], Records[second..] })
                {
                    IByteBuffer buffer = UnpooledByteBufferAllocator.Default.HeapBuffer(4096);
                    buffer.WriteBytes(new byte[9]).SkipBytes(9).WriteBytes(read);
                    records.Take(buffer);
                    taken += read.Length;
                    byte[] room = new byte[readBytes];
                    while (records.Read(room) is > 0 and int count)
                    {
                        int end = Ends.First(end => end > arrived.Count);
                        arrived.AddRange(room.AsSpan(0, count));
                        Assert.That(arrived, Has.Count.LessThanOrEqualTo(end), "past a record's end");
                    }

                    records.Finish();
                    Assert.That(arrived, Has.Count.EqualTo(Ends.LastOrDefault(end => end <= taken)), "whole records");
                    Assert.That(buffer.ReferenceCount, Is.Zero);
                }

                Assert.That(arrived, Is.EqualTo(Records));
                Assert.That((records.HeldBytes, records.UnfinishedAt), Is.EqualTo((0, -1L)));
            }
        }
    }

    [TestCase(1, 5)]
    [TestCase(5, 5)]
    [TestCase(6, 2000)]
    [TestCase(1505, 1505)]
    public void Beginning_of_a_record_holds_little_more_than_what_came(int bytes, int held)
    {
        var records = new TlsRecords();
        byte[] large = Glue([23, 3, 3, 0x40, 0], new byte[16 * 1024]);
        byte[] read = bytes == 6 ? Glue([23, 3, 3, 1, 44], new byte[1]) : large[..bytes];

        records.Take(Unpooled.WrappedBuffer(read));
        records.Finish();

        Assert.That(records.HeldBytes, Is.EqualTo(bytes == 6 ? 305 : Math.Max(5, bytes)).And.LessThanOrEqualTo(held));
        Assert.That(records.UnfinishedAt, Is.Zero);
    }

    [TestCase(new byte[] { 0x26 })]
    [TestCase(new byte[] { 22, 2 })]
    [TestCase(new byte[] { 22, 3, 1, 0, 0 })]
    [TestCase(new byte[] { 23, 3, 3, 0x48, 1 })]
    public void Invalid_record_is_recognised_at_its_first_wrong_byte(byte[] bytes)
    {
        var records = new TlsRecords();
        foreach (byte value in bytes)
        {
            Assert.That(records.IsBroken, Is.False);
            records.Take(Unpooled.WrappedBuffer(new[] { value }));
            records.Finish();
        }

        Assert.That(records.IsBroken, Is.True);
    }
}
