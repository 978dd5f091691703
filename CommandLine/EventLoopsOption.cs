using System.Net.Sockets;

namespace DotNettyFraming.CommandLine;

/// <summary><c>--event-loops</c>, which means the same to every program.</summary>
public static class EventLoopsOption
{
    /// <summary>More than any machine has processors; each takes a thread and a receive buffer.</summary>
    private const int Most = 1024;

    /// <summary>Declares it.</summary>
    /// <param name="set">The program's options.</param>
    /// <param name="defaultCount">How many it starts when nothing is said: one a processor.</param>
    /// <param name="description">What help says of it.</param>
    /// <returns>The declaration.</returns>
    public static OptionDeclaration<int> Declare(OptionSet set, int defaultCount, string description)
    {
        ArgumentNullException.ThrowIfNull(set);
        return set.Number("--event-loops", "N", defaultCount, description, 1, Most, "number of processors");
    }

    /// <summary>Starts event loops, or says in one line why there cannot be so many.</summary>
    /// <remarks>
    /// It counts before: where the last descriptor is taken, the runtime cannot start a thread of its own any more, and ends the process.
    /// </remarks>
    /// <typeparam name="TGroup">What holds them.</typeparam>
    /// <param name="count">How many.</param>
    /// <param name="filesEach">How many descriptors each takes.</param>
    /// <param name="start">Starts so many; when it throws, none is left running.</param>
    /// <returns>What <paramref name="start"/> returned.</returns>
    /// <exception cref="StartupException">No descriptor, thread or memory is left for one of them.</exception>
    public static TGroup Start<TGroup>(int count, int filesEach, Func<int, TGroup> start)
    {
        ArgumentNullException.ThrowIfNull(start);
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
            // The runtime says "out of memory" of a thread that it cannot start.
            throw new StartupException($"--event-loops {count}: cannot start so many: {e.GetBaseException().Message}", e);
        }
    }
}
