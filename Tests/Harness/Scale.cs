namespace DotNettyFraming.Tests.Harness;

/// <summary>The counts of stress tests: smaller in <c>.ci/run</c>, full with <c>FRAMING_TESTS_FULL=1</c> (<c>.ci/soak</c>).</summary>
internal static class Scale
{
    /// <summary>Returns the count for this run.</summary>
    public static int Of(int gate, int full) => Environment.GetEnvironmentVariable("FRAMING_TESTS_FULL") == "1" ? full : gate;
}
