using System.Collections.Concurrent;
using DotNetty.Buffers;
using DotNetty.Common.Utilities;
using DotNetty.Transport.Channels;

namespace DotNettyFraming.Tests.Transport;

/// <summary>The last handler of a channel under test: records events and bytes, and lets a test wait for them.</summary>
public sealed class RecordingHandler : ChannelHandlerAdapter
{
    private readonly object _gate = new();
    private readonly List<byte> _received = [];
    private readonly TaskCompletionSource<IChannelHandlerContext> _active = NewSource<IChannelHandlerContext>();
    private readonly TaskCompletionSource _inactive = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<object> _userEvent = NewSource<object>();
    private readonly TaskCompletionSource<Exception> _exception = NewSource<Exception>();
    private TaskCompletionSource _progress = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Runs on the loop per message, before it is recorded and released.</summary>
    public Action<IChannelHandlerContext, IByteBuffer>? OnRead { get; set; }

    public Action<IChannelHandlerContext>? OnReadComplete { get; set; }

    public Action<IChannelHandlerContext>? OnActive { get; set; }

    public Action<IChannelHandlerContext>? OnWritabilityChanged { get; set; }

    /// <summary>The events in order: active, read, complete, event, exception, inactive.</summary>
    public ConcurrentQueue<string> Events { get; } = new();

    public Task<IChannelHandlerContext> Active => _active.Task;

    public Task Inactive => _inactive.Task;

    public Task<object> UserEvent => _userEvent.Task;

    public Task<Exception> Exception => _exception.Task;

    public byte[] Received
    {
        get
        {
            lock (_gate)
            {
                return _received.ToArray();
            }
        }
    }

    public async Task<byte[]> ReceivedAtLeast(int count, CancellationToken cancel)
    {
        while (true)
        {
            Task progress;
            lock (_gate)
            {
                if (_received.Count >= count)
                {
                    return _received.ToArray();
                }

                progress = _progress.Task;
            }

            await progress.WaitAsync(cancel);
        }
    }

    public override void ChannelActive(IChannelHandlerContext context)
    {
        Events.Enqueue("active");
        OnActive?.Invoke(context);
        _active.TrySetResult(context);
        base.ChannelActive(context);
    }

    public override void ChannelInactive(IChannelHandlerContext context)
    {
        Events.Enqueue("inactive");
        base.ChannelInactive(context);
        _inactive.TrySetResult();
    }

    public override void ChannelRead(IChannelHandlerContext context, object message)
    {
        Events.Enqueue("read");
        var buffer = (IByteBuffer)message;
        try
        {
            OnRead?.Invoke(context, buffer);
            TaskCompletionSource progress;
            lock (_gate)
            {
                byte[] bytes = new byte[buffer.ReadableBytes];
                buffer.GetBytes(buffer.ReaderIndex, bytes);
                _received.AddRange(bytes);
                progress = _progress;
                _progress = new(TaskCreationOptions.RunContinuationsAsynchronously);
            }

            progress.TrySetResult();
        }
        finally
        {
            ReferenceCountUtil.Release(message);
        }
    }

    public override void ChannelReadComplete(IChannelHandlerContext context)
    {
        Events.Enqueue("complete");
        OnReadComplete?.Invoke(context);
        base.ChannelReadComplete(context);
    }

    public override void ChannelWritabilityChanged(IChannelHandlerContext context)
    {
        OnWritabilityChanged?.Invoke(context);
        base.ChannelWritabilityChanged(context);
    }

    public override void UserEventTriggered(IChannelHandlerContext context, object evt)
    {
        Events.Enqueue("event");
        _userEvent.TrySetResult(evt);
    }

    public override void ExceptionCaught(IChannelHandlerContext context, Exception exception)
    {
        Events.Enqueue("exception");
        _exception.TrySetResult(exception);
    }

    private static TaskCompletionSource<T> NewSource<T>() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
