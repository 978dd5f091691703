using System.Globalization;

namespace DotNettyFraming.Hosting;

/// <summary>How many files, sockets included, this process may hold open: what caps its number of connections.</summary>
/// <remarks>.NET raises the soft limit to the hard one when it starts, so that the two are mostly equal.</remarks>
/// <param name="Soft">The limit in force; <see cref="Unlimited"/> if there is none.</param>
/// <param name="Hard">How far the process may raise it itself; <see cref="Unlimited"/> if there is no such bound.</param>
internal readonly record struct OpenFileLimit(long Soft, long Hard)
{
    /// <summary>Stands for no limit.</summary>
    public const long Unlimited = long.MaxValue;

    /// <summary>Files that a program has open before its event loops start. Measured: with 130 in all the runtime cannot load it, with 160 it can.</summary>
    public const int RuntimeFiles = 150;

    /// <summary>Reads the limit of this process.</summary>
    /// <returns>Null where the system does not say (anything but Linux), or says something else than expected.</returns>
    public static OpenFileLimit? Read()
    {
        try
        {
            return Parse(File.ReadAllText("/proc/self/limits"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Not Linux, or /proc is hidden: the limit is unknown, which callers have to cope with anyway.
            return null;
        }
    }

    /// <summary>Refuses a limit with which the runtime could not load the program: it would end with a stack trace.</summary>
    /// <param name="files">The number of files that the program opens before it is ready.</param>
    /// <exception cref="StartupException">The hard limit is lower.</exception>
    public static void Require(int files)
    {
        if (Read() is { Hard: long hard } && hard < files)
        {
            throw new StartupException($"the limit of open files is {hard}, and the runtime needs about {files} to start (ulimit -n)");
        }
    }

    /// <summary>Reads the limit from the text of <c>/proc/PID/limits</c> (proc_pid_limits(5)).</summary>
    /// <param name="limits">The file's text.</param>
    /// <returns>Null where it has no usable line <c>Max open files</c>.</returns>
    internal static OpenFileLimit? Parse(string limits)
    {
        const string Title = "Max open files";
        foreach (string line in limits.Split('\n'))
        {
            if (!line.StartsWith(Title, StringComparison.Ordinal))
            {
                continue;
            }

            string[] columns = line[Title.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
            return columns.Length >= 2 && ParseLimit(columns[0]) is long soft && ParseLimit(columns[1]) is long hard
                ? new(soft, hard)
                : null;
        }

        return null;
    }

    private static long? ParseLimit(string column) => column == "unlimited"
        ? Unlimited
        : long.TryParse(column, NumberStyles.None, CultureInfo.InvariantCulture, out long limit) ? limit : null;
}
