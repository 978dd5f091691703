using DotNettyFraming.Transport.Native;

namespace DotNettyFraming.Transport;

/// <content>
/// Sending past the pipeline, for who sends the same bytes again and again and keeps them: a write through the pipeline
/// costs a buffer, an entry and a promise, and has to be waited for; this costs the system call.
/// <code>
/// TrySend(bytes) -> all of them    done
///                -> fewer          the kernel is full, or the connection is lost: write the rest the usual way.
///                                  That waits for room (EPOLLOUT), or fails and tells why.
/// </code>
/// </content>
public sealed partial class EpollSocketChannel
{
    /// <summary>A write has gone the usual way since this was last found out.</summary>
    private bool _mayHaveWritesWaiting;

    /// <summary>
    /// Hands bytes to the kernel at once, past the pipeline and the outbound buffer: no handler sees them, nothing is
    /// allocated, one system call is made at most. On the loop's thread; elsewhere it takes nothing.
    /// </summary>
    /// <param name="bytes">Not needed any more when the call returns, but for what was not taken.</param>
    /// <returns>
    /// How many bytes the kernel took, from the first on. What is missing has to be written the usual way, before
    /// anything else is sent: this waits until the kernel takes it, or fails as any write does. 0 when a write waits, flushed or
    /// not (the order holds; inside the completion of a write that one still waits), when the channel is not connected,
    /// its output shut down or broken, or the kernel full. It never throws and never closes.
    /// </returns>
    /// <remarks>Handlers that change what is written, <c>TlsHandler</c> above all, are passed by too: with them it must not be used.</remarks>
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

    /// <summary>Whether no write of the usual way waits. The buffer, two objects away, is asked only where there has been one: with
    /// thousands of connections each object that a send looks at comes from memory.</summary>
    private bool NothingWaits()
    {
        if (_mayHaveWritesWaiting && Unsafe.OutboundBuffer is { } output)
        {
            _mayHaveWritesWaiting = !output.IsEmpty || output.TotalPendingWriteBytes() != 0;
        }

        return !_mayHaveWritesWaiting;
    }
}
