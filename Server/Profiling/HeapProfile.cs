namespace DotNettyFraming.Server.Profiling;

/// <summary>Counts the objects that are alive, by type, on request.</summary>
internal static class HeapProfile
{
    /// <summary>Counts now: a full blocking collection, during which the event loops stand still.</summary>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static Task<ProfileResult> WriteAsync(CancellationToken cancellationToken) => throw new NotImplementedException();
}
