using System.Globalization;

namespace DotNettyFraming.Server.Hosting;

/// <summary>How much memory this process may use: the least of what its control groups (cgroup v2) allow, or what the machine has.</summary>
internal static class MemoryLimit
{
    private const string Mount = "/sys/fs/cgroup";

    /// <summary>Reads it, bytes.</summary>
    public static long ReadBytes() => Math.Min(GroupLimit(OwnGroup()), GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);

    /// <summary>The limit of a group and of those above it; <see cref="long.MaxValue"/> for none.</summary>
    /// <param name="group">As <c>/proc/self/cgroup</c> names it: <c>/system.slice/framing.service</c>.</param>
    private static long GroupLimit(string? group)
    {
        long limit = long.MaxValue;
        for (string? at = group; at is not null; at = Path.GetDirectoryName(at))
        {
            limit = Math.Min(limit, Parse(ReadOrNull($"{Mount}{at.TrimEnd('/')}/memory.max")));
        }

        return limit;
    }

    /// <summary>cgroups(7): of version 2 there is the line <c>0::PATH</c>.</summary>
    private static string? OwnGroup() => ReadOrNull("/proc/self/cgroup")?.Split('\n')
        .FirstOrDefault(line => line.StartsWith("0::", StringComparison.Ordinal))?[3..];

    /// <summary>The text of <c>memory.max</c>: bytes, or <c>max</c>.</summary>
    internal static long Parse(string? text) =>
        long.TryParse(text?.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out long bytes) ? bytes : long.MaxValue;

    private static string? ReadOrNull(string file)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null; // no such group, or not Linux: no limit of that kind
        }
    }
}
