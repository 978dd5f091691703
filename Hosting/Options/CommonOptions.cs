using System.Net.Sockets;
using DotNettyFraming.Hosting.Logging;

namespace DotNettyFraming.Hosting.Options;

/// <summary>The transport of the connections.</summary>
public enum TransportChoice
{
    /// <summary><see cref="Epoll"/> on Linux, <see cref="Sockets"/> elsewhere.</summary>
    Auto,

    /// <summary>The native transport, Linux only.</summary>
    Epoll,

    /// <summary>DotNetty's own transport on .NET's sockets, on every system.</summary>
    Sockets,
}

/// <summary>The options that are the same in every program.</summary>
internal static class CommonOptions
{
    private const int MaxEventLoops = 1024; // more than any machine has processors

    public static void AddTransport<T>(
        this OptionSet<T> set, Func<T, TransportChoice, T> apply, TransportChoice defaultValue = TransportChoice.Auto) => set.Add(
        "--transport",
        OptionKind.Choice<TransportChoice>(),
        defaultValue,
        apply,
        "The transport of the connections: auto is epoll on Linux, and DotNetty's sockets elsewhere.");

    public static void AddEventLoops<T>(
        this OptionSet<T> set, Func<T, int, T> apply, string description, int? defaultValue = null) => set.Add(
        "--event-loops",
        OptionKind.Integer(1, MaxEventLoops),
        defaultValue ?? Environment.ProcessorCount,
        apply,
        description,
        "number of processors");

    public static void AddLogDirectory<T>(
        this OptionSet<T> set, Func<T, LogDirectory, T> apply, LogDirectory? defaultValue = null) => set.Add(
        "--log-directory",
        LogDirectory.Kind,
        defaultValue ?? LogDirectory.Default,
        apply,
        "Directory of the files of nlog.config; none = standard output only.",
        "logs next to the executable");

    /// <summary>Whether a choice means epoll on this machine.</summary>
    /// <exception cref="StartupException">Epoll was asked for by name, and does not run here.</exception>
    public static bool UsesEpoll(this TransportChoice choice, bool epollIsSupported) => choice switch
    {
        TransportChoice.Auto => epollIsSupported,
        TransportChoice.Epoll when !epollIsSupported => throw new StartupException("--transport epoll: needs Linux on x86-64 or arm64"),
        _ => choice == TransportChoice.Epoll,
    };

    /// <summary>Starts event loops, each with a number of descriptors. If <paramref name="start"/> throws, none is left running.</summary>
    /// <exception cref="StartupException">Descriptors, threads or memory do not suffice.</exception>
    public static TGroup StartEventLoops<TGroup>(int count, int filesEach, Func<int, TGroup> start)
    {
        // Checked before: without a free descriptor the runtime cannot start a thread, and ends the process.
        if (OpenFileLimit.Read() is { Hard: long hard } && count * filesEach > Math.Max(0, hard - OpenFileLimit.RuntimeFiles))
        {
            throw new StartupException(
                $"--event-loops {count}: each needs {filesEach} of the {hard} files that may be open (ulimit -n), "
                + $"and the runtime about {OpenFileLimit.RuntimeFiles}");
        }

        try
        {
            return start(count);
        }
        catch (Exception e) when (e.GetBaseException() is SocketException or OutOfMemoryException)
        {
            // "Out of memory" is also the runtime's message for a thread that it cannot start.
            throw new StartupException($"--event-loops {count}: cannot start that many: {e.GetBaseException().Message}", e);
        }
    }
}
