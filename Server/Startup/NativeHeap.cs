using System.Runtime.InteropServices;

namespace DotNettyFraming.Server.Startup;

/// <summary>The C library's heap, from which the just-in-time compiler takes its working memory.</summary>
internal static class NativeHeap
{
    private const int TrimThreshold = -1;
    private const int MmapThreshold = -3;

    /// <summary>glibc's own is 128 KiB at first, and grows by itself up to 32 MiB.</summary>
    private const int LargeBytes = 64 * 1024;

    /// <summary>Makes it take larger pieces from the system one by one, so that each goes back as soon as it is free. At the start, before
    /// there are many.</summary>
    public static void ReturnLargeAtOnce() => Ask(() =>
    {
        _ = SetOption(MmapThreshold, LargeBytes);
        _ = SetOption(TrimThreshold, LargeBytes);
    });

    /// <summary>Gives what is free in it back to the system.</summary>
    /// <remarks>By itself glibc gives back only what is free at the heap's end, and pieces in use lie there: 5 MiB stayed after 20 scrapes
    /// of the metrics.</remarks>
    public static void Trim() => Ask(() => _ = Trim(keep: 0));

    /// <summary>glibc knows these calls; musl, which gives back by itself, does not.</summary>
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
            // Another C library.
        }
    }

    /// <summary>mallopt(3).</summary>
    [DllImport("libc", EntryPoint = "mallopt")]
    private static extern int SetOption(int option, int value);

    /// <summary>malloc_trim(3).</summary>
    [DllImport("libc", EntryPoint = "malloc_trim")]
    private static extern int Trim(nuint keep);
}
