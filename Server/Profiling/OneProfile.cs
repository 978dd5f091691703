namespace DotNettyFraming.Server.Profiling;

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
