using DotNettyFraming.Benchmarks.Comparison;
using DotNettyFraming.Tests.Harness;

namespace DotNettyFraming.Tests.Benchmarks;

/// <summary>Contestants as the tests start them.</summary>
internal static class Programs
{
    /// <summary>Returns the contestant with the benchmarks' executable in place of this process's.</summary>
    public static Contestant InTests(Contestant contestant) => contestant.FileName == Environment.ProcessPath
        ? contestant with { FileName = Repository.Program("Benchmarks") }
        : contestant;
}
