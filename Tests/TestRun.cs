using System.Diagnostics.CodeAnalysis;
using DotNettyFraming.Tests.Harness;

/// <summary>Once per run of this assembly. In no namespace, so that NUnit applies it to all of them.</summary>
[SetUpFixture]
[SuppressMessage("Design", "CA1050:Declare types in namespaces", Justification = "NUnit would apply it to that namespace only.")]
public sealed class TestRun
{
    [OneTimeSetUp]
    public void Count_the_slow_tests() => SlowTests.WriteCount(typeof(TestRun).Assembly);
}
