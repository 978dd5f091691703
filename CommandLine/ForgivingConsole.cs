using System.Text;

namespace DotNettyFraming.CommandLine;

/// <summary>A console that nobody has to fear: what cannot be written is dropped, and the program does its work.</summary>
/// <remarks>
/// Standard output and error belong to whoever started the program, and may be closed (<c>&gt;&amp;-</c>), on a full disk, or a terminal
/// that has gone away. By default each write then throws, wherever in the program it stands; none of them has a better answer than to
/// go on, and the exit code still says how it went.
/// </remarks>
public static class ForgivingConsole
{
    // Console's own writers have no byte-order mark either.
    private static readonly UTF8Encoding Encoding = new(encoderShouldEmitUTF8Identifier: false);

    /// <summary>Makes <see cref="Console.Out"/> and <see cref="Console.Error"/> such writers, UTF-8, for everybody.</summary>
    /// <remarks>
    /// The first thing that <c>Program</c> does. Through <see cref="Console.SetOut"/>, because NLog and Spectre.Console ask for
    /// <see cref="Console.Out"/> too, and because a writer that was set survives NLog's change of <see cref="Console.OutputEncoding"/>.
    /// </remarks>
    public static void Install()
    {
        Console.SetOut(IsOurs(1) ? WriterOn(Console.OpenStandardOutput) : TextWriter.Null);
        Console.SetError(IsOurs(2) ? WriterOn(Console.OpenStandardError) : TextWriter.Null);
    }

    /// <summary>A writer on a stream that may fail to open, and at any time later.</summary>
    internal static TextWriter WriterOn(Func<Stream> open)
    {
        try
        {
            return new StreamWriter(new ForgivingStream(open()), Encoding) { AutoFlush = true };
        }
        catch (Exception e) when (ForgivingStream.IsForgiven(e))
        {
            return TextWriter.Null;
        }
    }

    /// <summary>Whether a descriptor is the stream that the parent gave, and not a file of the runtime's under a closed one's number.</summary>
    /// <remarks>
    /// The runtime's first pipe gets the lowest free numbers, and a log line written into that would be taken for something else. It
    /// is close-on-exec, as all that .NET opens; what came through exec cannot be.
    /// </remarks>
    private static bool IsOurs(int descriptor)
    {
        const string Flags = "flags:";
        const int CloseOnExec = 0x80000; // O_CLOEXEC, open(2); octal in proc_pid_fdinfo(5)
        try
        {
            string line = File.ReadLines($"/proc/self/fdinfo/{descriptor}").First(line => line.StartsWith(Flags, StringComparison.Ordinal));
            return (Convert.ToInt32(line[Flags.Length..].Trim(), 8) & CloseOnExec) == 0;
        }
        catch (Exception e) when (ForgivingStream.IsForgiven(e))
        {
            return true; // not Linux, or closed still: writing will tell
        }
    }
}
