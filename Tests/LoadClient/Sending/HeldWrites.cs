using DotNetty.Buffers;
using DotNetty.Transport.Channels;
using TaskCompletionSource = DotNetty.Common.Concurrency.TaskCompletionSource;

namespace DotNettyFraming.Tests.LoadClient.Sending;

/// <summary>A handler in place of the transport that holds each write until the test takes or fails it.</summary>
internal sealed class HeldWrites : ChannelHandlerAdapter
{
    private TaskCompletionSource? _promise;

    /// <summary>Whether writes are taken immediately.</summary>
    public bool Taking { get; set; }

    /// <summary>The lengths of all writes so far.</summary>
    public List<int> Lengths { get; } = [];

    /// <summary>The number of writes so far.</summary>
    public int Writes => Lengths.Count;

    /// <summary>The bytes of all writes so far.</summary>
    public List<byte> Bytes { get; } = [];

    /// <summary>Called after each write with the number of writes so far.</summary>
    public Action<int>? AfterWrite { get; set; }

    public IByteBuffer Last { get; private set; } = Unpooled.Empty;

    public override Task WriteAsync(IChannelHandlerContext context, object message)
    {
        Last = (IByteBuffer)message;
        byte[] bytes = new byte[Last.ReadableBytes];
        Last.GetBytes(Last.ReaderIndex, bytes);
        Lengths.Add(bytes.Length);
        Bytes.AddRange(bytes);
        _promise = new TaskCompletionSource();
        Task written = _promise.Task;
        if (Taking)
        {
            Take();
        }

        AfterWrite?.Invoke(Writes);
        return written;
    }

    public void Take()
    {
        Last.Release();
        Interlocked.Exchange(ref _promise, null)!.Complete();
    }

    public void TakeIfHeld()
    {
        if (_promise is not null)
        {
            Take();
        }
    }

    public void Fail(Exception exception)
    {
        Last.Release();
        Interlocked.Exchange(ref _promise, null)!.SetException(exception);
    }

    public void ReleaseAll() => TakeIfHeld();
}
