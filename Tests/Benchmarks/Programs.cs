using DotNettyFraming.Benchmarks.Comparison;
using DotNettyFraming.Tests.Harness;

namespace DotNettyFraming.Tests.Benchmarks;

/// <summary>The contestants as the tests start them: those that are modes of the benchmarks are modes of this process otherwise.</summary>
internal static class Programs
{
    public static Contestant InTests(Contestant contestant) => contestant.FileName == Environment.ProcessPath
        ? contestant with { FileName = Repository.Program("Benchmarks") }
        : contestant;
}
