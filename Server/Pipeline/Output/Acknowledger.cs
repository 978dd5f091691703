using System.Buffers.Binary;
using DotNetty.Common.Concurrency;
using DotNetty.Transport.Channels;
using DotNettyFraming.Codec;
using DotNettyFraming.Server.Processing;

namespace DotNettyFraming.Server.Pipeline.Output;

/// <summary>The acknowledgements of one event loop: their form, and the intervals between them.</summary>
/// <remarks>
/// All intervals are equal, so a queue in the order of sending is in the order of their ends, and one timer serves any number of
/// connections. Threads: its event loop only.
/// </remarks>
/// <param name="header">The layout of the acknowledgements.</param>
/// <param name="level">The level of packets that are acknowledged.</param>
/// <param name="interval">The least time between two acknowledgements of a connection; zero for none.</param>
/// <param name="time">The clock.</param>
internal sealed class Acknowledger(HeaderLayout header, AckLevel level, TimeSpan interval, TimeProvider time)
{
    /// <summary>The longest acknowledgement: the longest header, and a payload of 8 bytes.</summary>
    public const int MaxPacketBytes = HeaderLayout.LongestHeader + sizeof(ulong);

    private readonly Queue<(Connection Connection, long Due)> _intervals = new();
    private readonly long _intervalTicks = (long)(interval.TotalSeconds * time.TimestampFrequency);
    private IScheduledTask? _timer;
    private bool _isStopped;

    /// <summary>The level of packets that are acknowledged.</summary>
    public AckLevel Level => level;

    /// <summary>Writes an acknowledgement: a packet whose payload is the number of packets done.</summary>
    /// <returns>The length of the packet.</returns>
    public int Write(Span<byte> destination, long done)
    {
        Span<byte> payload = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(payload, (ulong)done);
        return header.WritePacket(destination, (uint)time.GetUtcNow().ToUnixTimeSeconds(), payload);
    }

    /// <summary>Starts the interval behind an acknowledgement; returns whether there is one.</summary>
    public bool StartInterval(Connection connection)
    {
        if (_intervalTicks == 0 || _isStopped)
        {
            return false;
        }

        _intervals.Enqueue((connection, time.GetTimestamp() + _intervalTicks));
        if (_timer is null)
        {
            Schedule(connection.EventLoop, interval);
        }

        return true;
    }

    /// <summary>Ends the intervals that have passed, and sends the numbers reached meanwhile.</summary>
    public void EndIntervals()
    {
        long now = time.GetTimestamp();
        while (_intervals.TryPeek(out (Connection Connection, long Due) first) && first.Due <= now)
        {
            _intervals.Dequeue();
            first.Connection.EndAckInterval();
        }
    }

    /// <summary>Stops the timer, before the event loop ends.</summary>
    public void Stop()
    {
        _isStopped = true;
        _timer?.Cancel();
    }

    // Not for each end of an interval: 100 connections would wake the loop 5,000 times per second.
    private void Schedule(IEventLoop loop, TimeSpan delay) => _timer = loop.Schedule(
        () =>
        {
            EndIntervals();
            _timer = null;
            if (_intervals.TryPeek(out (Connection Connection, long Due) next) && !_isStopped)
            {
                TimeSpan left = time.GetElapsedTime(time.GetTimestamp(), next.Due);
                Schedule(loop, left > interval / 4 ? left : interval / 4);
            }
        },
        delay);
}
