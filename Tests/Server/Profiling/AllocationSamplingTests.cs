using DotNettyFraming.Server.Profiling;

namespace DotNettyFraming.Tests.Server.Profiling;

/// <summary>The estimated number of objects per sampled allocation.</summary>
public sealed class AllocationSamplingTests
{
    [TestCase(24, 4266.7)]
    [TestCase(1024, 100.5)]
    [TestCase(102_400, 1.582)]
    [TestCase(1_024_000, 1.00005)]
    public void Sample_counts_for_the_inverse_of_its_probability(long size, double objects) =>
        Assert.That(AllocationSampling.Objects(size), Is.EqualTo(objects).Within(0.05).Percent);
}
