using System.Threading.Tasks.Sources;
using DotNetty.Buffers;
using DotNetty.Transport.Channels;

namespace DotNettyFraming.Server.Pipeline.Tls;

/// <summary>The inner stream of SslStream: reads whole records of <see cref="TlsRecords"/>, and writes up the pipeline.</summary>
/// <remarks>
/// <para>A read without input waits until <see cref="Supply"/>, and the code that awaits it continues inside that call, on this thread. A
/// write completes when it is passed on. What TLS itself writes is short (handshake, alert, close_notify), so a peer that does not read
/// cannot make it grow; answers to KeyUpdates wait for data, and <see cref="TlsDecryption"/> bounds their number.</para>
/// <para>Threads: the event loop; between <see cref="StartCollecting"/> and <see cref="WriteCollected"/> one other.</para>
/// </remarks>
internal sealed class TlsStream(TlsRecords records, IChannelHandlerContext context) : Stream, IValueTaskSource<int>
{
    private ManualResetValueTaskSourceCore<int> _read;
    private Memory<byte> _destination;
    private bool _isWaiting;
    private bool _hasEnded;

    private List<byte[]>? _collected;

    /// <summary>The bytes that may still be read: a handshake is bounded, data is not.</summary>
    public int Allowance { get; set; } = int.MaxValue;

    /// <summary>The last write that was passed on.</summary>
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

    /// <summary>Collects writes until <see cref="WriteCollected"/>, because another thread owns the stream.</summary>
    public void StartCollecting() => _collected = [];

    /// <summary>Writes what was collected, without a flush.</summary>
    public void WriteCollected()
    {
        List<byte[]> collected = _collected!;
        _collected = null;
        collected.ForEach(bytes => Write(bytes));
    }

    /// <summary>Completes a waiting read with the whole records that are there.</summary>
    public void Supply()
    {
        if (_isWaiting && records.ReadableBytes > 0)
        {
            Complete(Read(_destination.Span));
        }
    }

    /// <summary>Ends the input: a waiting read completes with 0 bytes and releases its buffer.</summary>
    public void End()
    {
        _hasEnded = true;
        if (_isWaiting)
        {
            Complete(0);
        }
    }

    /// <summary>Reads what is there, or waits; an empty <paramref name="buffer"/> only waits.</summary>
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

    /// <summary>Flushes the pipeline.</summary>
    public override void Flush() => context.Flush();

    /// <summary>Does nothing: SslStream calls this after each write, and <see cref="TlsHandler"/> decides when to flush.</summary>
    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <summary>Reads what is there and allowed; 0, the end of the stream to SslStream, when there is nothing.</summary>
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

    void IValueTaskSource<int>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
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
