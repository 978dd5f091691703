namespace DotNettyFraming.Server.Profiling;

/// <summary>The result of a request for a profile.</summary>
/// <param name="Outcome">The outcome.</param>
/// <param name="Profile">The file in pprof's format, tens of KiB; empty unless <see cref="ProfileOutcome.Written"/>.</param>
/// <param name="Reason">The reason why there is none, one line; else empty.</param>
internal sealed record ProfileResult(ProfileOutcome Outcome, ReadOnlyMemory<byte> Profile, string Reason)
{
    public static ProfileResult Written(ReadOnlyMemory<byte> profile) => new(ProfileOutcome.Written, profile, "");

    public static ProfileResult Missing(ProfileOutcome outcome, string reason) => new(outcome, default, reason);
}

/// <summary>The outcomes of a request for a profile.</summary>
internal enum ProfileOutcome
{
    /// <summary>There is a profile.</summary>
    Written,

    /// <summary>Another one is being recorded.</summary>
    Busy,

    /// <summary>The runtime provides no events: they are off (<c>DOTNET_EnableDiagnostics=0</c>), or its socket is missing.</summary>
    Unavailable,

    /// <summary>The heap has more objects than the buffer can describe: a profile would be wrong.</summary>
    Incomplete,
}

/// <summary>Records one profile at a time, because each is expensive.</summary>
internal static class OneProfile
{
    private static int _busy;

    /// <summary>Records a profile, unless another one is being recorded.</summary>
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
