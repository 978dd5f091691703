namespace DotNettyFraming.LoadClient;

/// <summary>The exit codes beyond those that all programs here share (<see cref="CommandLine.ExitCode"/>).</summary>
/// <remarks>Where several hold, the first of 2 (usage), 1 (could not run) and 4 wins.</remarks>
internal static class LoadExitCode
{
    /// <summary>
    /// Some connections could not be made, or <c>--connections</c> was capped, or the server closed connections so that not all of
    /// <c>--packets</c> could be sent or none was left before the end. A server that closes some while the run goes on is counted,
    /// and no fault.
    /// </summary>
    public const int SomeConnectionsFailed = 4;
}
