using System.Threading.Tasks.Sources;
using DotNetty.Buffers;
using DotNetty.Transport.Channels;

namespace DotNettyFraming.Server.Pipeline.Tls;

/// <summary>What SslStream has for a socket: it reads whole records of <see cref="TlsRecords"/>, and its writes go up the pipeline.</summary>
/// <remarks>
/// <para>A read for which nothing is there waits until <see cref="Supply"/>, and what waits for it goes on inside that call, on this
/// thread. A write is complete when it is handed over; what the server's side of TLS writes on its own account is short (its part of the
/// handshake, an alert, close_notify; an answer to a KeyUpdate goes with the next data, and <see cref="TlsHandler"/> bounds how many there are), so a peer that does not read
/// cannot pile it up.</para>
/// <para>Threads: the connection's event loop, and between <see cref="Leave"/> and <see cref="Return"/> one other.</para>
/// </remarks>
internal sealed class TlsStream(TlsRecords records, IChannelHandlerContext context) : Stream, IValueTaskSource<int>
{
    private ManualResetValueTaskSourceCore<int> _read;
    private Memory<byte> _destination;
    private bool _isWaiting;
    private bool _hasEnded;

    private List<byte[]>? _collected;

    /// <summary>Bytes that may still be read: a handshake is bounded, and what comes after it is not.</summary>
    public int Allowance { get; set; } = int.MaxValue;

    /// <summary>The write that was handed over last.</summary>
    public Task LastWrite { get; private set; } = Task.CompletedTask;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Until <see cref="Return"/> another thread has the stream, and what is written is collected.</summary>
    public void Leave() => _collected = [];

    /// <summary>Sends what was collected, without a flush.</summary>
    public void Return()
    {
        List<byte[]> collected = _collected!;
        _collected = null;
        collected.ForEach(bytes => Write(bytes));
    }

    /// <summary>Lets a read that waits have what is there.</summary>
    public void Supply()
    {
        if (_isWaiting && records.ReadableBytes > 0)
        {
            Complete(Read(_destination.Span));
        }
    }

    /// <summary>Nothing will come any more: a read that waits ends, and lets its buffer go.</summary>
    public void End()
    {
        _hasEnded = true;
        if (_isWaiting)
        {
            Complete(0);
        }
    }

    /// <summary>Reads what is there; without room in <paramref name="buffer"/>, waits until something is.</summary>
    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        CheckThread();
        if (records.ReadableBytes > 0 || _hasEnded)
        {
            return new ValueTask<int>(Read(buffer.Span));
        }

        _read.Reset();
        _destination = buffer;
        _isWaiting = true;
        return new ValueTask<int>(this, _read.Version);
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Write(buffer.Span);
        return ValueTask.CompletedTask;
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        CheckThread();
        if (_collected is { } collected)
        {
            collected.Add(buffer.ToArray());
            return;
        }

        IByteBuffer copy = context.Allocator.HeapBuffer(buffer.Length, buffer.Length);
        buffer.CopyTo(copy.Array.AsSpan(copy.ArrayOffset));
        LastWrite = context.WriteAsync(copy.SetWriterIndex(buffer.Length));
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    /// <summary>Sends what was written.</summary>
    public override void Flush() => context.Flush();

    /// <summary>What SslStream calls; when to send is <see cref="TlsHandler"/>'s to say.</summary>
    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <summary>Reads what is there and allowed; 0, which is the end to SslStream, where nothing is.</summary>
    public override int Read(Span<byte> buffer)
    {
        int count = records.Read(buffer[..Math.Min(buffer.Length, Allowance)]);
        Allowance -= Allowance == int.MaxValue ? 0 : count;
        return count;
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    int IValueTaskSource<int>.GetResult(short token) => _read.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<int>.GetStatus(short token) => _read.GetStatus(token);

    void IValueTaskSource<int>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _read.OnCompleted(continuation, state, token, flags);

    private void Complete(int count)
    {
        _isWaiting = false;
        _destination = default;
        _read.SetResult(count);
    }

    private void CheckThread()
    {
        if (_collected is null && !context.Executor.InEventLoop)
        {
            throw new InvalidOperationException("TLS left the thread of its event loop");
        }
    }
}
