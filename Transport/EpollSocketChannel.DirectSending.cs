using DotNettyFraming.Transport.Native;

namespace DotNettyFraming.Transport;

/// <content>
/// Sending past the pipeline. A write through the pipeline costs a buffer, an entry and a promise; this costs the system call.
/// <code>
/// TrySend(bytes) -> all of them    done
///                -> fewer          the kernel is full, or the connection is lost: write the rest to the pipeline.
///                                  That write waits for room (EPOLLOUT), or fails with the cause.
/// </code>
/// </content>
public sealed partial class EpollSocketChannel
{
    /// <summary>Whether a write has gone through the pipeline since the outbound buffer was last seen empty.</summary>
    private bool _mayHaveWritesWaiting;

    /// <summary>Sends bytes to the kernel past all handlers and the outbound buffer; one system call, no allocation.</summary>
    /// <param name="bytes">The bytes to send. The caller may reuse those that were taken.</param>
    /// <returns>
    /// The number of bytes taken, from the first on. The caller writes the rest to the pipeline before it sends anything else.
    /// 0 if a write waits, flushed or not (a write waits until its completion has run), if the channel is not connected, if its
    /// output is shut down or broken, if the kernel is full, or if the caller is not on the loop's thread.
    /// </returns>
    /// <remarks>It never throws and never closes. Do not use it with a handler that transforms writes, such as <c>TlsHandler</c>.</remarks>
    public int TrySend(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty || !CanSendDirectly())
        {
            return 0;
        }

        nint sent = _registration.Loop.Writer.Send(_registration.Descriptor, bytes);
        if (sent >= 0)
        {
            return (int)sent;
        }

        if (sent != -Errno.EAGAIN)
        {
            _lostBy = (int)-sent;
        }

        return 0;
    }

    private bool CanSendDirectly() =>
        _active
        && _registration.IsAttached && _registration.Loop.InEventLoop
        && _lostBy == 0 && _writeFailure is null && !IsOutputShutdown
        && (_registration.Watched & LibC.EPOLLOUT) == 0
        && NothingWaits();

    /// <summary>Returns whether no write of the pipeline waits.</summary>
    /// <remarks>
    /// The outbound buffer is read only after a write: with thousands of connections each object that a send touches is a
    /// cache miss.
    /// </remarks>
    private bool NothingWaits()
    {
        if (_mayHaveWritesWaiting && Unsafe.OutboundBuffer is { } output)
        {
            _mayHaveWritesWaiting = !output.IsEmpty || output.TotalPendingWriteBytes() != 0;
        }

        return !_mayHaveWritesWaiting;
    }
}
