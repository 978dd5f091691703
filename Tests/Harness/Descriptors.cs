namespace DotNettyFraming.Tests.Harness;

/// <summary>What a process has open.</summary>
internal static class Descriptors
{
    /// <summary>Descriptors of this process.</summary>
    public static int Ours => Of(Environment.ProcessId);

    /// <summary>Descriptors of a process, without those of assemblies: one that is first used meanwhile is loaded, and stays open (<c>proc_pid_fd(5)</c>).</summary>
    public static int Of(int process) =>
        Directory.GetFileSystemEntries($"/proc/{process}/fd").Count(file => new FileInfo(file).LinkTarget?.EndsWith(".dll", StringComparison.Ordinal) != true);
}
