using System.Net.Sockets;

namespace DotNettyFraming.CommandLine;

/// <summary><c>--event-loops</c>, which means the same to every program.</summary>
public static class EventLoopsOption
{
    /// <summary>More than any machine has processors; each takes a thread, two descriptors and a receive buffer.</summary>
    private const int Most = 1024;

    /// <summary>On epoll: the loop's own, and the one that wakes it.</summary>
    private const int FilesEach = 2;

    /// <summary>What a program needs beside its event loops to start: with 130 in all the runtime cannot load it, with 160 it can.</summary>
    private const int RuntimeFiles = 150;

    /// <summary>Where the program starts at all, there is room for so many.</summary>
    private const int AnyLimitHasRoomFor = 4;

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
    /// <param name="files">How many files the process may open; null where that is unknown.</param>
    /// <param name="start">Starts so many; when it throws, none is left running.</param>
    /// <returns>What <paramref name="start"/> returned.</returns>
    /// <exception cref="StartupException">No descriptor, thread or memory is left for one of them.</exception>
    public static TGroup Start<TGroup>(int count, OpenFileLimit? files, Func<int, TGroup> start)
    {
        ArgumentNullException.ThrowIfNull(start);
        if (files is { Hard: long hard } && count > AnyLimitHasRoomFor && count > (hard - RuntimeFiles) / FilesEach)
        {
            throw new StartupException(
                $"--event-loops {count}: each needs {FilesEach} of the {hard} files that may be open (ulimit -n), and the runtime about {RuntimeFiles}");
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
