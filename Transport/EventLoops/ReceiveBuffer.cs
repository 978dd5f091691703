using DotNetty.Buffers;
using DotNetty.Common;
using DotNetty.Common.Internal.Logging;

namespace DotNettyFraming.Transport.EventLoops;

/// <summary>
/// The buffer into which a loop receives for all its channels. The loop's thread only.
/// <code>
/// Rent -> recv -> Lend(n) -> pipeline.FireChannelRead(view) -> Return
/// </code>
/// </summary>
/// <remarks>
/// The message is a view with a reference count of its own. After the read, the buffer's count decides:
/// <list type="bullet">
/// <item>1: only the loop holds it; the next read reuses it.</item>
/// <item>more: a handler keeps a part; the next read takes another buffer from the pool.</item>
/// <item>less: a handler released it too often; its memory may have a new owner, so it is abandoned and logged.</item>
/// </list>
/// With leak detection at Paranoid every read gets a buffer of its own, so that a leak is reported with its own records.
/// </remarks>
internal sealed class ReceiveBuffer(IByteBufferAllocator allocator, int capacity)
{
    private static readonly IInternalLogger Logger = InternalLoggerFactory.GetInstance<ReceiveBuffer>();

    private IByteBuffer? _shared;
    private bool _private;

    /// <summary>The number of rented buffers, one per recv. For tests.</summary>
    public long Rented { get; private set; }

    /// <summary>Returns a buffer to receive into, from index 0 to its capacity.</summary>
    public IByteBuffer Rent()
    {
        Rented++;
        if (_shared is { ReferenceCount: 0 })
        {
            // Released too often, after its read.
            Abandon();
        }

        _private = ResourceLeakDetector.Level == ResourceLeakDetector.DetectionLevel.Paranoid;
        return _private
            ? allocator.Buffer(capacity, capacity)
            : _shared ??= allocator.Buffer(capacity, capacity);
    }

    /// <summary>Returns the message for the pipeline: the first <paramref name="count"/> bytes, with one reference.</summary>
    public IByteBuffer Lend(IByteBuffer rented, int count)
    {
        rented.SetIndex(0, count);
        return _private ? rented : rented.RetainedDuplicate();
    }

    /// <summary>Takes back a rented buffer after the pipeline has handled its view.</summary>
    public void Return(IByteBuffer rented)
    {
        if (rented != _shared)
        {
            return;
        }

        int references = rented.ReferenceCount;
        if (references == 1)
        {
            return;
        }

        if (references > 1)
        {
            _shared = null;
            rented.Release();
        }
        else
        {
            Abandon();
        }
    }

    /// <summary>Takes back a rented buffer without received bytes.</summary>
    public void ReturnUnused(IByteBuffer rented)
    {
        if (rented != _shared)
        {
            rented.Release();
        }
    }

    /// <summary>Returns the buffer to its pool at the loop's end.</summary>
    public void Release()
    {
        _shared?.Release();
        _shared = null;
    }

    private void Abandon()
    {
        _shared = null;
        Logger.Error("A handler released the receive buffer too often; the buffer is abandoned.");
    }
}
