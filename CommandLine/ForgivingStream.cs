namespace DotNettyFraming.CommandLine;

/// <summary>Writes to a stream, and drops what that refuses to take.</summary>
/// <remarks>
/// Each write is tried, so that a disk which has room again gets its lines again. Only the members that a <see cref="StreamWriter"/>
/// uses do anything; the asynchronous ones come to the same through <see cref="Stream"/>.
/// </remarks>
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

    /// <summary>Whether a failure is the other side's: closed, full, gone, or not open for writing.</summary>
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
            // Dropped; that it could not be said cannot be said either.
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
