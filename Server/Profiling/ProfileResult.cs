namespace DotNettyFraming.Server.Profiling;

/// <summary>What came of a request for a profile.</summary>
/// <param name="Outcome">How it ended.</param>
/// <param name="Profile">The whole file, tens of KiB, in pprof's format; empty unless <see cref="ProfileOutcome.Written"/>.</param>
/// <param name="Reason">Why there is none, in one line; empty if there is one.</param>
internal sealed record ProfileResult(ProfileOutcome Outcome, ReadOnlyMemory<byte> Profile, string Reason)
{
    public static ProfileResult Written(ReadOnlyMemory<byte> profile) => new(ProfileOutcome.Written, profile, "");

    public static ProfileResult Missing(ProfileOutcome outcome, string reason) => new(outcome, default, reason);
}
