namespace DotNettyFraming.Server.Profiling;

/// <summary>Records where the program allocates, for a while, on request.</summary>
internal static class AllocationProfile
{
    /// <summary>The longest that one request may record.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromMinutes(10);

    /// <summary>Records for <paramref name="duration"/>.</summary>
    /// <param name="duration">How long, at most <see cref="Longest"/>.</param>
    /// <param name="cancellationToken">Ends the recording early, without a profile.</param>
    /// <returns>The profile, or why there is none.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled; the recording has ended.</exception>
    public static Task<ProfileResult> RecordAsync(TimeSpan duration, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(duration, Longest);
        return OneProfile.MakeAsync(async () =>
        {
            await using AllocationRecorder recorder = await AllocationRecorder.StartAsync(cancellationToken).ConfigureAwait(false);
            await Task.Delay(duration, cancellationToken).ConfigureAwait(false);
            return ProfileResult.Written(await recorder.StopAsync().ConfigureAwait(false));
        });
    }
}
