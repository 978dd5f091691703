using System.Globalization;

namespace DotNettyFraming.Hosting;

/// <summary>The limits of this process's open files, sockets included; <c>Unlimited</c> if there is none.</summary>
/// <remarks>.NET raises the soft limit to the hard one when it starts.</remarks>
internal readonly record struct OpenFileLimit(long Soft, long Hard)
{
    public const long Unlimited = long.MaxValue;

    /// <summary>The files open before the event loops start. Measured: the runtime loads the program with 160, not with 130.</summary>
    public const int RuntimeFiles = 150;

    /// <summary>Reads the limit of this process; null if it is not Linux or the text is not as expected.</summary>
    public static OpenFileLimit? Read()
    {
        try
        {
            return Parse(File.ReadAllText("/proc/self/limits"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null; // not Linux, or /proc is hidden
        }
    }

    /// <summary>Refuses a limit below the files that the program opens before it is ready: it would end with a stack trace.</summary>
    /// <exception cref="StartupException">The hard limit is lower.</exception>
    public static void Require(int files)
    {
        if (Read() is { Hard: long hard } && hard < files)
        {
            throw new StartupException($"the limit of open files is {hard}, and the runtime needs about {files} to start (ulimit -n)");
        }
    }

    /// <summary>Parses the text of <c>/proc/PID/limits</c> (proc_pid_limits(5)); null if it has no valid <c>Max open files</c>.</summary>
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
