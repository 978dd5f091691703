namespace DotNettyFraming.Server.Profiling;

/// <summary>Records where the program allocates, for a while, on request.</summary>
internal static class AllocationProfile
{
    /// <summary>The longest that one request may record.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromMinutes(10);

    /// <summary>Records for <paramref name="duration"/>.</summary>
    /// <exception cref="OperationCanceledException">It was cancelled; the recording has ended.</exception>
    public static Task<ProfileResult> RecordAsync(TimeSpan duration, CancellationToken cancellationToken) => throw new NotImplementedException();
}
