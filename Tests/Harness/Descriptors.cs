namespace DotNettyFraming.Tests.Harness;

/// <summary>What a process has open.</summary>
internal static class Descriptors
{
    /// <summary>Descriptors of this process.</summary>
    public static int Ours => Of(Environment.ProcessId);

    /// <summary>Descriptors of a process (<c>proc_pid_fd(5)</c>). An assembly takes two when it is first used, and keeps them: a first round loads
    /// what a second is judged by.</summary>
    public static int Of(int process) => Directory.GetFileSystemEntries($"/proc/{process}/fd").Length;
}
