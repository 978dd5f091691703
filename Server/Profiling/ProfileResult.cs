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

/// <summary>How a request for a profile ended.</summary>
internal enum ProfileOutcome
{
    /// <summary>There is a profile.</summary>
    Written,

    /// <summary>Somebody else's is being made; one at a time.</summary>
    Busy,

    /// <summary>The runtime gives no diagnostics: they were switched off (<c>DOTNET_EnableDiagnostics=0</c>), or its socket cannot be made.</summary>
    Unavailable,

    /// <summary>The heap has more objects than its description has room for: a profile would be wrong, so there is none.</summary>
    Incomplete,
}

/// <summary>Sees to it that one profile is made on request at a time: each costs, and whoever asks may be a script that asks again.</summary>
internal static class OneProfile
{
    private static int _busy;

    /// <summary>Makes a profile, unless one is being made.</summary>
    public static async Task<ProfileResult> MakeAsync(Func<Task<ProfileResult>> make)
    {
        if (Interlocked.Exchange(ref _busy, 1) != 0)
        {
            return ProfileResult.Missing(ProfileOutcome.Busy, "another profile is being recorded; one at a time");
        }

        try
        {
            return await make().ConfigureAwait(false);
        }
        catch (NoDiagnosticsException exception)
        {
            return ProfileResult.Missing(ProfileOutcome.Unavailable, exception.Message);
        }
        finally
        {
            Volatile.Write(ref _busy, 0);
        }
    }
}
