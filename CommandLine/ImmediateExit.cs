using System.Runtime.InteropServices;

namespace DotNettyFraming.CommandLine;

/// <summary>Ends the process without asking anybody.</summary>
public static partial class ImmediateExit
{
    /// <summary>Ends the process now. Any thread.</summary>
    /// <param name="exitCode">Its exit code.</param>
    /// <remarks>
    /// <see cref="Environment.Exit"/> first lets libraries finish: with a reader of standard output that has stalled, the log's last
    /// flush would wait for it, and the process for that.
    /// </remarks>
    public static void Now(int exitCode)
    {
        if (OperatingSystem.IsWindows())
        {
            Environment.Exit(exitCode);
        }

        ExitProcess(exitCode);
    }

    /// <summary>_exit(2); never fails, never returns.</summary>
    [LibraryImport("libc", EntryPoint = "_exit")]
    private static partial void ExitProcess(int status);
}
