using DotNettyFraming.Benchmarks.Comparison;
using DotNettyFraming.Benchmarks.Load;
using DotNettyFraming.Tests.Harness;

namespace DotNettyFraming.Tests.Benchmarks;

public sealed class WorkloadTests
{
    private static IEnumerable<string> Names => Workloads.All.Select(load => load.Name);

    [TestCaseSource(nameof(Names))]
    public void Write_has_the_loads_packets_and_payload(string name)
    {
        Workload load = Workloads.All.Single(candidate => candidate.Name == name);
        byte[] write = load.Write();

        int packets = 0;
        for (int offset = 0; offset < write.Length; packets++)
        {
            Assert.That(PacketHeader.TryRead(write.AsSpan(offset), out PacketHeader header), Is.True);
            Assert.That(header.PayloadLength, Is.EqualTo(load.PayloadBytes));
            offset += header.PacketLength;
            Assert.That(offset, Is.LessThanOrEqualTo(write.Length));
        }

        Assert.That(packets, Is.EqualTo(load.PacketsPerWrite));
    }

    [Test]
    public void Names_are_unique() => Assert.That(ComparisonPlan.LoadNames, Is.Unique);
}
