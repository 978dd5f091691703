using DotNetty.Buffers;
using DotNetty.Transport.Channels;
using DotNettyFraming.Server.Metrics;

namespace DotNettyFraming.Server.Pipeline.Output;

/// <summary>Sends the replies and acknowledgements of one connection, one write at a time.</summary>
/// <remarks>
/// While the kernel takes no more, replies wait in their queue, and of acknowledgements only the newest number is kept. Threads: its event
/// loop only.
/// </remarks>
internal sealed class ConnectionOutput(Connection connection, IChannel channel)
{
    /// <summary>The time after which a number is repeated while packets wait, as a sign of life.</summary>
    private static readonly TimeSpan KeepAlive = TimeSpan.FromSeconds(5);

    /// <summary>The write that the kernel has not taken completely, and what counts when it has.</summary>
    private Task? _write;
    private long _writeCost;
    private long _writeBytes;
    private int _writePackets;

    /// <summary>The newest number sent.</summary>
    private long _acknowledged;
    private Ack _ack;
    private long _waitingSince = -1;

    private enum Ack : byte
    {
        /// <summary>The next position reached is sent at the end of the loop turn.</summary>
        Ready,

        /// <summary>A number is sent at the end of the loop turn, or as soon as the kernel takes it.</summary>
        Requested,

        /// <summary>The interval behind the last number has not passed.</summary>
        Waiting,
    }

    /// <summary>The packets done at the acknowledged level, counted from the first without a gap.</summary>
    public long Done { get; private set; }

    /// <summary>Whether the kernel has taken everything that was written.</summary>
    public bool IsIdle => _write is null;

    /// <summary>Whether anything was sent.</summary>
    public bool HasSent { get; private set; }

    /// <summary>Moves the position of the acknowledged level; returns whether the caller must request the end of the loop turn.</summary>
    public bool MoveTo(long position)
    {
        Done = position;
        if (_ack != Ack.Ready)
        {
            return false;
        }

        _ack = Ack.Requested;
        return true;
    }

    /// <summary>Ends the interval behind the last number; returns whether there is a newer one to flush.</summary>
    public bool EndInterval()
    {
        _ack = Done > _acknowledged ? Ack.Requested : Ack.Ready;
        return _ack == Ack.Requested;
    }

    /// <summary>Requests the last number again if packets have waited too long without one; called once per sweep.</summary>
    /// <param name="packetsWait">Whether packets received are not done.</param>
    /// <param name="now">The sweep's time, ticks.</param>
    /// <returns>Whether there is something to flush.</returns>
    public bool RepeatIfDue(bool packetsWait, long now)
    {
        if (!packetsWait || _ack != Ack.Ready)
        {
            _waitingSince = -1;
        }
        else if (_waitingSince < 0)
        {
            _waitingSince = now;
        }
        else if (now - _waitingSince >= KeepAlive.Ticks)
        {
            _waitingSince = -1;
            _ack = Ack.Requested;
            return true;
        }

        return false;
    }

    /// <summary>Sends what waits, as soon as the kernel has taken the previous write.</summary>
    /// <param name="replies">The replies; null if there was never one.</param>
    /// <param name="isLast">Whether nothing follows: the newest number is sent although the interval has not passed.</param>
    public void Flush(ReplyQueue? replies, bool isLast)
    {
        if (!Settle(replies))
        {
            return;
        }

        if (replies is { Unread: > 0 })
        {
            SendReplies(replies);
            if (!FlushChannel(replies))
            {
                return;
            }
        }

        if (_ack == Ack.Requested || (isLast && Done > _acknowledged))
        {
            SendAcknowledgement(isLast);
            FlushChannel(replies);
        }
    }

    private void SendReplies(ReplyQueue replies)
    {
        (List<IByteBuffer> buffers, int packets) = replies.Take();
        foreach (IByteBuffer buffer in buffers)
        {
            _writeCost += buffer.Capacity;
            _writeBytes += buffer.ReadableBytes;
            HasSent = true;
            Span<byte> bytes = buffer.Array.AsSpan(buffer.ArrayOffset + buffer.ReaderIndex, buffer.ReadableBytes);
            int sent = SendNow(bytes);
            if (sent == bytes.Length)
            {
                buffer.Release();
            }
            else
            {
                _write = channel.WriteAsync(buffer.SkipBytes(sent));
            }
        }

        _writePackets += packets;
        Settle(replies);
    }

    private void SendAcknowledgement(bool isLast)
    {
        Acknowledger acks = connection.Loop.Acknowledger!;
        Span<byte> packet = stackalloc byte[Acknowledger.MaxPacketBytes];
        packet = packet[..acks.Write(packet, Done)];
        connection.Loop.Counters.Add(Counter.PacketsAcknowledged, Done - _acknowledged);
        _acknowledged = Done;
        _ack = !isLast && acks.StartInterval(connection) ? Ack.Waiting : Ack.Ready;
        _writePackets++;
        _writeBytes += packet.Length;
        HasSent = true;
        ReadOnlySpan<byte> rest = packet[SendNow(packet)..];
        if (!rest.IsEmpty)
        {
            IByteBuffer buffer = channel.Allocator.HeapBuffer(rest.Length, rest.Length);
            rest.CopyTo(buffer.Array.AsSpan(buffer.ArrayOffset));
            _write = channel.WriteAsync(buffer.SetWriterIndex(rest.Length));
        }

        Settle(replies: null);
    }

    /// <summary>Sends past the pipeline if nothing waits and the transport can; returns the bytes that the kernel took.</summary>
    private int SendNow(ReadOnlySpan<byte> bytes) =>
        _write is null && connection.Tls is null && connection.Loop.Sockets.TrySend is { } trySend ? trySend(channel, bytes) : 0;

    /// <summary>Flushes the channel; returns whether the kernel has taken everything.</summary>
    private bool FlushChannel(ReplyQueue? replies)
    {
        if (_write is not { } write)
        {
            return true;
        }

        channel.Flush();
        if (Settle(replies))
        {
            return true;
        }

        // It runs inside the transport's own write, so it only requests the next flush.
        write.ContinueWith(
            static (_, connection) => ((Connection)connection!).RequestFlush(),
            connection,
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
        return false;
    }

    /// <summary>Counts the write if the kernel has taken it; returns whether none is left. A failed write ends with the channel.</summary>
    private bool Settle(ReplyQueue? replies)
    {
        if (_write is { IsCompleted: false })
        {
            return false;
        }

        if (_write is not { IsFaulted: true })
        {
            connection.Loop.Counters.Add(Counter.PacketsSent, _writePackets);
            connection.Loop.Counters.Add(Counter.BytesSent, _writeBytes);
        }

        if (_writeCost > 0)
        {
            replies!.Sent(_writeCost);
        }

        _write = null;
        _writeCost = _writeBytes = _writePackets = 0;
        return true;
    }
}
