namespace DotNettyFraming.Tests.Harness;

/// <summary>Keeps what is written until <see cref="Release"/>, or until something is read; so a client's last words of a handshake and its first data go as one.</summary>
/// <param name="send">Where what was written goes.</param>
/// <param name="read">Reads; 0 = nothing will come.</param>
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

    /// <summary>Sends what was written.</summary>
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
        // SslStream flushes each flight; that is what this stream is there to undo.
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
