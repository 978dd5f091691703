using System.Diagnostics.CodeAnalysis;
using DotNettyFraming.Tests.Harness;

// Two fixtures at a time: most tests wait. Figures are of the child process and have room for a busy machine.
[assembly: Parallelizable(ParallelScope.Fixtures)]
[assembly: LevelOfParallelism(2)]

/// <summary>The set-up of this assembly. It has no namespace, so that NUnit applies it to all.</summary>
[SetUpFixture]
[SuppressMessage("Design", "CA1050:Declare types in namespaces", Justification = "NUnit would apply it to that namespace only.")]
public sealed class ProgramsTestRun
{
    [OneTimeSetUp]
    public void Count_the_slow_tests() => SlowTests.WriteCount(typeof(ProgramsTestRun).Assembly);
}
