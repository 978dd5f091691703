namespace DotNettyFraming.Server.Pipeline;

/// <summary>The stream between DotNetty's <c>TlsHandler</c> and its <see cref="ServerSslStream"/>: writes are complete as soon as they are handed over.</summary>
/// <remarks>
/// A handshake that waits for a write continues on the thread pool, and packets and a FIN that come right behind would meet one that is
/// not complete. Nothing is lost by not waiting: what the server's side of TLS writes is short, and a write that fails closes the connection.
/// The bytes are copied, as DotNetty writes from the buffer that it is given. Threads: the connection's event loop.
/// </remarks>
internal sealed class UnwaitedWrites(Stream inner) : Stream
{
    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        inner.ReadAsync(buffer, cancellationToken);

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        byte[] copy = buffer.ToArray();
        _ = inner.WriteAsync(copy, 0, copy.Length, cancellationToken);
        return ValueTask.CompletedTask;
    }

    public override void Write(byte[] buffer, int offset, int count) => inner.Write(buffer, offset, count);

    public override void Flush()
    {
        // TlsHandler flushes each write.
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
