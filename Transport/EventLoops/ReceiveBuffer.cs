using DotNetty.Buffers;
using DotNetty.Common;
using DotNetty.Common.Internal.Logging;

namespace DotNettyFraming.Transport.EventLoops;

/// <summary>
/// The one buffer into which a loop receives for all of its channels.
/// <code>
/// Rent -> recv -> Lend(n) -> pipeline.FireChannelRead(view) -> Return
/// </code>
/// </summary>
/// <remarks>
/// What goes down the pipeline is a view with a count of its own, which handlers release as any message. Afterwards the
/// buffer's count tells what became of it:
/// <list type="bullet">
/// <item>1: only the loop holds it; it serves the next read.</item>
/// <item>more: somebody kept a part; it is left to them, and the next read takes another from the pool.</item>
/// <item>less: somebody released what was not theirs; the memory may be in other hands already, so it is forgotten, not
/// released again, and logged.</item>
/// </list>
/// With leak detection at Paranoid every read gets a buffer of its own, so that a leak is told with its own records.
/// The loop's thread only.
/// </remarks>
internal sealed class ReceiveBuffer(IByteBufferAllocator allocator, int capacity)
{
    private static readonly IInternalLogger Logger = InternalLoggerFactory.GetInstance<ReceiveBuffer>();

    private IByteBuffer? _shared;
    private bool _private;

    /// <summary>How often a buffer was rented: once a recv. Tests hold the read path to one a wake-up.</summary>
    public long Rented { get; private set; }

    /// <summary>A buffer to receive into, from index 0 to its capacity.</summary>
    public IByteBuffer Rent()
    {
        Rented++;
        if (_shared is { ReferenceCount: 0 })
        {
            // Released too often after its read was over.
            Abandon();
        }

        _private = ResourceLeakDetector.Level == ResourceLeakDetector.DetectionLevel.Paranoid;
        return _private
            ? allocator.Buffer(capacity, capacity)
            : _shared ??= allocator.Buffer(capacity, capacity);
    }

    /// <summary>The message for the pipeline: the first <paramref name="count"/> bytes. Its one reference goes with it.</summary>
    public IByteBuffer Lend(IByteBuffer rented, int count)
    {
        rented.SetIndex(0, count);
        return _private ? rented : rented.RetainedDuplicate();
    }

    /// <summary>Takes back a rented buffer, after the pipeline has seen its view.</summary>
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

    /// <summary>Takes back a rented buffer into which nothing was received.</summary>
    public void ReturnUnused(IByteBuffer rented)
    {
        if (rented != _shared)
        {
            rented.Release();
        }
    }

    /// <summary>Gives the buffer back to its pool; the loop has ended.</summary>
    public void Release()
    {
        _shared?.Release();
        _shared = null;
    }

    private void Abandon()
    {
        _shared = null;
        Logger.Error("A handler released the receive buffer more often than it was given it; the buffer is abandoned.");
    }
}
