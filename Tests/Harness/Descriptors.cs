namespace DotNettyFraming.Tests.Harness;

/// <summary>Counts of open file descriptors.</summary>
internal static class Descriptors
{
    /// <summary>The open descriptors of this process.</summary>
    public static int Ours => Of(Environment.ProcessId);

    /// <summary>Returns the open descriptors of a process (<c>proc_pid_fd(5)</c>).</summary>
    /// <remarks>An assembly keeps two from its first use on; run the code under test once before counting.</remarks>
    public static int Of(int process)
    {
        Machine.RequireLinux("/proc");
        return Directory.GetFileSystemEntries($"/proc/{process}/fd").Length;
    }
}
