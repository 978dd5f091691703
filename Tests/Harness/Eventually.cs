using NUnit.Framework.Constraints;

namespace DotNettyFraming.Tests.Harness;

/// <summary>Bounded waits for another thread.</summary>
internal static class Eventually
{
    /// <summary>Waits until <paramref name="actual"/> satisfies <paramref name="constraint"/>, and asserts that it did.</summary>
    public static void That<T>(Func<T> actual, Constraint constraint, string? message = null) =>
        Assert.That(() => actual(), constraint.After((int)Peer.Patience.TotalMilliseconds, 2), message ?? string.Empty);
}
