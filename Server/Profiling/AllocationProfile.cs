using System.Diagnostics;

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
            long start = Stopwatch.GetTimestamp();
            for (TimeSpan left = duration; left > TimeSpan.Zero; left = duration - Stopwatch.GetElapsedTime(start))
            {
                // A timer goes by the kernel's coarse clock, and may come a few milliseconds early; it also cuts off parts of one.
                await Task.Delay(TimeSpan.FromMilliseconds(Math.Ceiling(left.TotalMilliseconds)), cancellationToken).ConfigureAwait(false);
            }

            return ProfileResult.Written(await recorder.StopAsync().ConfigureAwait(false));
        });
    }
}
