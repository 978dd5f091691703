using System.Globalization;

namespace DotNettyFraming.Server.Limits;

/// <summary>The memory that this process may use: the least of the limits of control groups, GC and machine.</summary>
internal static class MemoryLimit
{
    /// <summary>The GC's default limit, in percent of the group's limit.</summary>
    private const int GcPercent = 75;

    /// <summary>The limit at start, bytes.</summary>
    public static long Bytes { get; } = Of(GroupBytes("/"), GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);

    /// <summary>Returns the limit that follows from those of the groups and the GC.</summary>
    /// <param name="group">The limit of the groups, bytes.</param>
    /// <param name="gc">The GC's limit, bytes: the machine's memory, a configured limit, or 75 % of the groups' limit.</param>
    public static long Of(long group, long gc) =>
        group < long.MaxValue && Math.Abs(gc - (group / 100 * GcPercent)) <= group / 100 ? group : Math.Min(group, gc);

    /// <summary>Returns the least limit of the process's group and its parents; <see cref="long.MaxValue"/> for none.</summary>
    /// <param name="root">The directory that contains <c>proc</c> and <c>sys</c>.</param>
    /// <remarks>cgroups(7): <c>0::PATH</c> in version 2, <c>N:memory:PATH</c> in version 1; a machine may have both. A container may see
    /// the host's PATH, but its own group as the top of the mount.</remarks>
    public static long GroupBytes(string root)
    {
        long limit = long.MaxValue;
        foreach (string line in ReadOrNull(Path.Combine(root, "proc/self/cgroup"))?.Split('\n') ?? [])
        {
            if (line.Split(':', 3) is not [_, var controllers, var path])
            {
                continue;
            }

            if (controllers.Length == 0)
            {
                limit = Math.Min(limit, LeastUpwards(Path.Combine(root, "sys/fs/cgroup"), path, "memory.max"));
            }
            else if (controllers.Split(',').Contains("memory"))
            {
                limit = Math.Min(limit, LeastUpwards(Path.Combine(root, "sys/fs/cgroup/memory"), path, "memory.limit_in_bytes"));
            }
        }

        return limit;
    }

    private static long LeastUpwards(string mount, string group, string file)
    {
        long limit = long.MaxValue;
        for (string? at = group; at is not null; at = Path.GetDirectoryName(at))
        {
            limit = Math.Min(limit, Parse(ReadOrNull($"{mount}{at.TrimEnd('/')}/{file}")));
        }

        return limit;
    }

    /// <summary>Parses a number of bytes, or <c>max</c>.</summary>
    private static long Parse(string? text) =>
        long.TryParse(text?.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out long bytes) ? bytes : long.MaxValue;

    private static string? ReadOrNull(string file)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null; // no such group, or not Linux
        }
    }
}
