using System.Runtime.InteropServices;

namespace DotNettyFraming.Server.Startup;

/// <summary>The C library's heap, from which the just-in-time compiler takes its working memory.</summary>
internal static class NativeHeap
{
    private const int TrimThreshold = -1;
    private const int MmapThreshold = -3;

    // glibc starts with 128 KiB and raises it by itself up to 32 MiB.
    private const int LargeBytes = 64 * 1024;

    /// <summary>Makes glibc map large blocks one by one, so that each returns to the system when it is freed.</summary>
    public static void ReturnLargeAtOnce() => Ask(() =>
    {
        _ = SetOption(MmapThreshold, LargeBytes);
        _ = SetOption(TrimThreshold, LargeBytes);
    });

    /// <summary>Returns free memory to the system; by itself glibc returns only what is free at the end of the heap.</summary>
    public static void Trim() => Ask(() => _ = Trim(keep: 0));

    private static void Ask(Action call)
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        try
        {
            call();
        }
        catch (EntryPointNotFoundException)
        {
            // musl has no such call, and returns memory by itself.
        }
    }

    /// <summary>mallopt(3).</summary>
    [DllImport("libc", EntryPoint = "mallopt")]
    private static extern int SetOption(int option, int value);

    /// <summary>malloc_trim(3).</summary>
    [DllImport("libc", EntryPoint = "malloc_trim")]
    private static extern int Trim(nuint keep);
}
