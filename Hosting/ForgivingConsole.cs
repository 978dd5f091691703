using System.Text;

namespace DotNettyFraming.Hosting;

/// <summary>Console writers that never throw; output that cannot be written is dropped.</summary>
/// <remarks>
/// Standard output and error may be closed (<c>&gt;&amp;-</c>), on a full disk, or a terminal that has gone away. By default each write
/// then throws. The exit code still reports how the program went.
/// </remarks>
internal static class ForgivingConsole
{
    // Console's own writers have no byte-order mark either.
    private static readonly UTF8Encoding Encoding = new(encoderShouldEmitUTF8Identifier: false);

    /// <summary>Makes <see cref="Console.Out"/> and <see cref="Console.Error"/> such writers, also for libraries.</summary>
    /// <remarks>A writer that is set explicitly survives NLog's change of <see cref="Console.OutputEncoding"/>.</remarks>
    public static void Install()
    {
        Console.SetOut(IsOurs(1) ? WriterOn(Console.OpenStandardOutput) : TextWriter.Null);
        Console.SetError(IsOurs(2) ? WriterOn(Console.OpenStandardError) : TextWriter.Null);
    }

    /// <summary>Returns a writer on a stream that may fail at opening and at every write.</summary>
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

    /// <summary>Whether a descriptor is inherited, and not a file of the runtime that reuses its number.</summary>
    /// <remarks>The runtime's files are close-on-exec; an inherited one cannot be.</remarks>
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
            return true; // not Linux, or closed: writing to it is forgiven
        }
    }
}

/// <summary>A stream that drops output that the inner one refuses. Each write is tried, as a disk may have room again.</summary>
internal sealed class ForgivingStream(Stream inner) : Stream
{
    public override bool CanRead => false;
    public override bool CanSeek => false;
    public override bool CanWrite => true;
    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Whether the other side caused a failure: it is closed, full, gone, or not open for writing.</summary>
    public static bool IsForgiven(Exception exception) =>
        exception is IOException or UnauthorizedAccessException or ObjectDisposedException;

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        try
        {
            inner.Write(buffer);
        }
        catch (Exception e) when (IsForgiven(e))
        {
            // There is no place to report it.
        }
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Flush()
    {
        try
        {
            inner.Flush();
        }
        catch (Exception e) when (IsForgiven(e))
        {
            // As in Write.
        }
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            inner.Dispose();
        }

        base.Dispose(disposing);
    }
}
