using System.Diagnostics.CodeAnalysis;
using DotNettyFraming.Tests.Harness;

/// <summary>The set-up of this assembly. It has no namespace, so that NUnit applies it to all.</summary>
[SetUpFixture]
[SuppressMessage("Design", "CA1050:Declare types in namespaces", Justification = "NUnit would apply it to that namespace only.")]
public sealed class TestRun
{
    [OneTimeSetUp]
    public void Count_the_slow_tests() => SlowTests.WriteCount(typeof(TestRun).Assembly);
}
