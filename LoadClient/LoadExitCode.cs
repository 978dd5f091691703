namespace DotNettyFraming.LoadClient;

/// <summary>The exit codes beyond those that all programs here share (<see cref="DotNettyFraming.Hosting.ExitCode"/>).</summary>
/// <remarks>Where several hold, the first of 2 (usage), 1 (could not run), 3, 5 and 4 wins.</remarks>
internal static class LoadExitCode
{
    /// <summary><c>--verify</c>: the server did not process just what was sent, or it cannot be said whether it did.</summary>
    public const int VerificationFailed = 3;

    /// <summary><c>--abuse</c>: a hostile connection was still open after <c>--abuse-deadline</c>.</summary>
    public const int HostileConnectionOutlived = 5;

    /// <summary>
    /// Some connections could not be made, or <c>--connections</c> was capped, or the server closed connections so that not all of
    /// <c>--packets</c> could be sent or none was left before the end. A server that closes some while the run goes on is counted,
    /// and no fault.
    /// </summary>
    public const int SomeConnectionsFailed = 4;
}
