namespace DotNettyFraming.Tests.Harness;

/// <summary>The counts of stress tests: smaller in <c>.ci/run</c>, full with <c>FRAMING_TESTS_FULL=1</c> (<c>.ci/soak</c>).</summary>
internal static class Scale
{
    /// <summary>Whether the counts are full.</summary>
    public static bool IsFull { get; } = Environment.GetEnvironmentVariable("FRAMING_TESTS_FULL") == "1";

    /// <summary>Returns the count for this run.</summary>
    public static int Of(int gate, int full) => IsFull ? full : gate;

    /// <summary>Skips a test that <c>.ci/run</c> has no time or no quiet machine for.</summary>
    public static void RequireFull(string reason = "measures time on a machine that does nothing else")
    {
        if (!IsFull)
        {
            Assert.Ignore($"{reason}: .ci/soak");
        }
    }
}
