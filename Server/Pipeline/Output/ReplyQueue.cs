using System.Diagnostics;
using DotNetty.Buffers;
using DotNettyFraming.Server.Limits;

namespace DotNettyFraming.Server.Pipeline.Output;

/// <summary>The replies of one connection that are not sent yet, in the order of the calls. Any thread.</summary>
/// <remarks>Small replies share a buffer: each is copied once, and a thousand of them cost one send.</remarks>
internal sealed class ReplyQueue
{
    /// <summary>The size of the first buffer; each following one is twice as large, up to the maximum.</summary>
    private const int MinBufferBytes = 512;
    private const int MaxBufferBytes = 16 * 1024;

    private readonly Lock _lock = new();
    private readonly UnreadReplies _bound;
    private List<IByteBuffer> _buffers = [];
    private List<IByteBuffer> _spare = [];
    private int _packets;
    private long _unread;
    private bool _isClosed;
    private bool _isTurnRequested;

    public ReplyQueue(UnreadReplies bound) => _bound = bound;

    /// <summary>A queue that accepts nothing, for connections that close without ever having replied.</summary>
    public static ReplyQueue Closed { get; } = new(new UnreadReplies()) { _isClosed = true };

    /// <summary>The memory of the replies that the kernel has not taken.</summary>
    public long Unread => Interlocked.Read(ref _unread);

    /// <summary>Adds a reply.</summary>
    /// <param name="allocator">Allocates its buffer.</param>
    /// <param name="header">The start of the reply; empty for raw bytes, which count as no packet.</param>
    /// <param name="body">The rest of the reply.</param>
    /// <param name="requestTurn">Whether the caller must request the end of a loop turn, in which the queue is sent.</param>
    /// <returns>Whether it was accepted.</returns>
    public bool Add(IByteBufferAllocator allocator, ReadOnlySpan<byte> header, ReadOnlySpan<byte> body, out bool requestTurn)
    {
        requestTurn = false;
        int size = header.Length + body.Length;
        lock (_lock)
        {
            if (_isClosed)
            {
                return false;
            }

            if (_buffers.Count == 0 || _buffers[^1].WritableBytes < size)
            {
                int next = _buffers.Count == 0 ? MinBufferBytes : Math.Min(2 * _buffers[^1].Capacity, MaxBufferBytes);
                int capacity = Math.Max(next, size);
                if (!_bound.TryTake(_unread, capacity))
                {
                    return false;
                }

                Interlocked.Add(ref _unread, capacity);
                _buffers.Add(allocator.HeapBuffer(capacity, capacity));
            }

            IByteBuffer buffer = _buffers[^1];
            Span<byte> free = buffer.Array.AsSpan(buffer.ArrayOffset + buffer.WriterIndex);
            header.CopyTo(free);
            body.CopyTo(free[header.Length..]);
            buffer.SetWriterIndex(buffer.WriterIndex + size);
            _packets += header.IsEmpty ? 0 : 1;
            requestTurn = !_isTurnRequested;
            _isTurnRequested = true;
            return true;
        }
    }

    /// <summary>Takes all replies, on the event loop. The list is valid until the next call.</summary>
    public (List<IByteBuffer> Buffers, int Packets) Take()
    {
        lock (_lock)
        {
            (_buffers, _spare) = (_spare, _buffers);
            _buffers.Clear();
            int packets = _packets;
            _packets = 0;
            _isTurnRequested = false;
            return (_spare, packets);
        }
    }

    /// <summary>Gives back the memory of replies that the kernel took.</summary>
    public void Sent(long bytes)
    {
        long left = Interlocked.Add(ref _unread, -bytes);
        Debug.Assert(left >= 0, "more replies sent than queued");
        _bound.GiveBack(bytes);
    }

    /// <summary>Refuses further replies.</summary>
    public void Close()
    {
        lock (_lock)
        {
            _isClosed = true;
        }
    }

    /// <summary>Refuses further replies and drops those that wait, also those that the channel has not sent.</summary>
    public void Discard()
    {
        lock (_lock)
        {
            _isClosed = true;
            _buffers.ForEach(static buffer => buffer.Release());
            _buffers.Clear();
        }

        _bound.GiveBack(Interlocked.Exchange(ref _unread, 0));
    }
}
