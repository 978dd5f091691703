using DotNettyFraming.Server.Diagnostics;

namespace DotNettyFraming.Tests.Server.Diagnostics;

public sealed class PacketAgesTests
{
    [TestCase(0, 0)]
    [TestCase(1, 1)]
    [TestCase(2, 2)]
    [TestCase(3, 3)]
    [TestCase(5, 3)]
    [TestCase(6, 4)]
    [TestCase(86_400, 10)]
    [TestCase(86_401, 11)]
    [TestCase(4_294_967_295, 11)]
    public void Bound_belongs_to_its_bucket(long seconds, int bucket)
    {
        Assert.That(PacketAges.BucketOf(seconds), Is.EqualTo(bucket));
        Assert.That(bucket, Is.LessThan(PacketAges.Buckets));
    }
}
