using System.Net.Sockets;
using DotNettyFraming.Hosting.Logging;

namespace DotNettyFraming.Hosting.Options;

/// <summary>The transport of the connections, as <c>--transport</c> names it.</summary>
public enum TransportChoice
{
    /// <summary><see cref="Epoll"/> on Linux, <see cref="Sockets"/> elsewhere.</summary>
    Auto,

    /// <summary>The native transport, Linux only.</summary>
    Epoll,

    /// <summary>DotNetty's own transport on .NET's sockets, which runs everywhere.</summary>
    Sockets,
}

/// <summary>Options that mean the same to every program.</summary>
internal static class CommonOptions
{
    private const int MaxEventLoops = 1024; // more than any machine has processors; each takes a thread and a receive buffer

    /// <summary>Declares <c>--transport</c>.</summary>
    public static void AddTransport<T>(this OptionSet<T> set, Func<T, TransportChoice, T> apply) => set.Add(
        "--transport",
        OptionKind.Choice<TransportChoice>(),
        TransportChoice.Auto,
        apply,
        "What carries the connections: auto is epoll on Linux, and DotNetty's sockets elsewhere.");

    /// <summary>Declares <c>--event-loops</c>.</summary>
    public static void AddEventLoops<T>(this OptionSet<T> set, Func<T, int, T> apply, string description) => set.Add(
        "--event-loops", OptionKind.Integer(1, MaxEventLoops), Environment.ProcessorCount, apply, description, "number of processors");

    /// <summary>Declares <c>--log-directory</c>.</summary>
    public static void AddLogDirectory<T>(this OptionSet<T> set, Func<T, LogDirectory, T> apply) => set.Add(
        "--log-directory",
        LogDirectory.Kind,
        LogDirectory.Default,
        apply,
        "Where the files of nlog.config go; none = standard output only.",
        "logs beside the executable");

    /// <summary>Whether a choice means epoll here.</summary>
    /// <exception cref="StartupException">Epoll was asked for by name, and does not run here.</exception>
    public static bool UsesEpoll(this TransportChoice choice, bool epollIsSupported) => choice switch
    {
        TransportChoice.Auto => epollIsSupported,
        TransportChoice.Epoll when !epollIsSupported => throw new StartupException("--transport epoll: needs Linux on x86-64 or arm64"),
        _ => choice == TransportChoice.Epoll,
    };

    /// <summary>Starts event loops, or reports in one line why that many cannot start.</summary>
    /// <remarks>
    /// It counts before: when the last descriptor is taken, the runtime can no longer start a thread of its own, and ends the process.
    /// </remarks>
    /// <param name="count">The number of loops.</param>
    /// <param name="filesEach">The descriptors that each takes.</param>
    /// <param name="start">Starts that many; when it throws, none is left running.</param>
    /// <exception cref="StartupException">No descriptor, thread or memory is left for one of them.</exception>
    public static TGroup StartEventLoops<TGroup>(int count, int filesEach, Func<int, TGroup> start)
    {
        if (OpenFileLimit.Read() is { Hard: long hard } && count * filesEach > Math.Max(0, hard - OpenFileLimit.RuntimeFiles))
        {
            throw new StartupException(
                $"--event-loops {count}: each needs {filesEach} of the {hard} files that may be open (ulimit -n), and the runtime about {OpenFileLimit.RuntimeFiles}");
        }

        try
        {
            return start(count);
        }
        catch (Exception e) when (e.GetBaseException() is SocketException or OutOfMemoryException)
        {
            // "Out of memory" is also the runtime's message for a thread that it cannot start.
            throw new StartupException($"--event-loops {count}: cannot start so many: {e.GetBaseException().Message}", e);
        }
    }
}
