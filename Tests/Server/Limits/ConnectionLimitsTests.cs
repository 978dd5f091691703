using System.Net;
using DotNettyFraming.Server.Limits;
using DotNettyFraming.Server.Metrics;

namespace DotNettyFraming.Tests.Server.Limits;

public sealed class ConnectionLimitsTests
{
    [Test]
    public void One_more_than_allowed_is_refused_until_somebody_leaves()
    {
        var limits = new ConnectionLimits(2, 0);

        Assert.That(limits.Enter(A("10.0.0.1")), Is.Null);
        Assert.That(limits.Enter(A("10.0.0.1")), Is.Null);
        Assert.That(limits.Enter(A("10.0.0.2")), Is.EqualTo(CloseReason.TooManyConnections));
        limits.Leave(A("10.0.0.1"));
        Assert.That(limits.Enter(A("10.0.0.2")), Is.Null);
    }

    [TestCase("10.0.0.1", "::ffff:10.0.0.1", true, "mapped into IPv6 it is the same")]
    [TestCase("10.0.0.1", "10.0.0.2", false, "an IPv4 address is one")]
    [TestCase("2001:db8::1", "2001:db8::ffff:1:2:3", true, "an IPv6 /64 is one")]
    [TestCase("2001:db8::1", "2001:db8:0:1::1", false, "another /64 is another")]
    [TestCase("0.0.0.1", "::1", false, "families are apart")]
    public void Address_counts_as_one(string first, string second, bool same, string why)
    {
        var limits = new ConnectionLimits(100, 1);

        Assert.That(limits.Enter(A(first)), Is.Null);
        Assert.That(limits.Enter(A(second)), Is.EqualTo(same ? CloseReason.TooManyFromAddress : (CloseReason?)null), why);
    }

    [Test]
    public void Refused_for_its_address_takes_no_place_from_others()
    {
        var limits = new ConnectionLimits(2, 1);
        limits.Enter(A("10.0.0.1"));

        for (int i = 0; i < 10; i++)
        {
            Assert.That(limits.Enter(A("10.0.0.1")), Is.EqualTo(CloseReason.TooManyFromAddress));
        }

        Assert.That(limits.Enter(A("10.0.0.2")), Is.Null);
        limits.Leave(A("10.0.0.1"));
        Assert.That(limits.Enter(A("10.0.0.1")), Is.Null);
    }

    private static IPAddress A(string text) => IPAddress.Parse(text);
}
