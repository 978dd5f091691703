namespace DotNettyFraming.Tests.Harness;

/// <summary>A stream that collects writes until a read or <see cref="Release"/>: a handshake's end and first data are one write.</summary>
/// <param name="send">Sends the collected bytes.</param>
/// <param name="read">Reads; returns 0 at the end.</param>
internal sealed class GluingStream(Action<byte[]> send, Func<Memory<byte>, int> read) : Stream
{
    private readonly MemoryStream _written = new();

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Sends the collected bytes.</summary>
    public void Release()
    {
        if (_written.Length > 0)
        {
            byte[] bytes = _written.ToArray();
            _written.SetLength(0);
            send(bytes);
        }
    }

    public override int Read(byte[] buffer, int offset, int count)
    {
        Release();
        return count == 0 ? 0 : read(buffer.AsMemory(offset, count));
    }

    public override void Write(byte[] buffer, int offset, int count) => _written.Write(buffer, offset, count);

    public override void Flush()
    {
        // Ignored: SslStream flushes each flight separately.
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
