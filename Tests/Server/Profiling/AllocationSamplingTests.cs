using DotNettyFraming.Server.Profiling;

namespace DotNettyFraming.Tests.Server.Profiling;

/// <summary>What a reported object stands for: exactly what makes up for those that were not reported.</summary>
public sealed class AllocationSamplingTests
{
    [TestCase(24, 4266.7)]
    [TestCase(1024, 100.5)]
    [TestCase(102_400, 1.582)]
    [TestCase(1_024_000, 1.00005)]
    public void Report_stands_for_as_many_objects_as_it_takes_to_get_one(long size, double objects) =>
        Assert.That(AllocationSampling.Objects(size), Is.EqualTo(objects).Within(0.05).Percent);
}
