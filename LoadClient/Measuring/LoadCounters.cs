using DotNettyFraming.LoadClient.Sending;

namespace DotNettyFraming.LoadClient.Measuring;

/// <summary>What one event loop has done. Written by that loop alone, plainly; any thread may read the <see cref="Totals"/>.</summary>
internal sealed class LoadCounters
{
    private readonly long[] _ends = new long[Enum.GetValues<ConnectionEnd>().Length];
    private long _connected;
    private long _packetsSent;
    private long _bytesSent;
    private long _packetsUnconfirmed;
    private long _bytesUnconfirmed;
    private long _packetsLate;
    private long _packetsUnsent;
    private long _packetsAnswered;
    private long _bytesAnswered;
    private LatencyInterval _interval = new();
    private LatencyInterval _spare = new();

    /// <summary>A connection was made.</summary>
    public void Connected(TimeSpan latency)
    {
        _connected++;
        _interval.Connect.Record(latency);
    }

    /// <summary>The kernel took bytes of a write.</summary>
    public void TookBytes(int bytes) => _bytesSent += bytes;

    /// <summary>The kernel took the last byte of a write.</summary>
    public void TookWrite(int packets, TimeSpan latency)
    {
        _packetsSent += packets;
        _interval.Write.Record(latency);
    }

    /// <summary>The kernel took whole packets of a write that it will never take the rest of.</summary>
    public void TookPackets(int packets) => _packetsSent += packets;

    /// <summary>Writes were due and never taken: each took at least this long.</summary>
    public void WritesUntaken(TimeSpan latency, long count = 1) => _interval.Write.Record(latency, count);

    /// <summary>Bytes were handed to a transport that failed and cannot tell whether the kernel took them.</summary>
    /// <param name="packets">Packets that are whole if it did.</param>
    /// <param name="bytes">The bytes.</param>
    public void Unconfirmed(int packets, int bytes)
    {
        _packetsUnconfirmed += packets;
        _bytesUnconfirmed += bytes;
    }

    /// <summary>Packets go out later than they were due.</summary>
    public void CountLate(int packets) => _packetsLate += packets;

    /// <summary>Packets were due, and their connection ended before they could be written.</summary>
    public void Unsent(long packets) => _packetsUnsent += packets;

    /// <summary>A connection that had been made has ended.</summary>
    /// <param name="end">How.</param>
    /// <param name="packets">Whole packets that the kernel took of it.</param>
    /// <param name="bytes">Bytes that the kernel took of it.</param>
    public void Ended(ConnectionEnd end, long packets, long bytes)
    {
        _ends[(int)end]++;
        if (end == ConnectionEnd.Completed)
        {
            _packetsAnswered += packets;
            _bytesAnswered += bytes;
        }
    }

    /// <summary>Takes the latencies recorded since the last call. On the loop; the one before is used again from here on.</summary>
    public LatencyInterval TakeInterval()
    {
        LatencyInterval full = _interval;
        (_interval, _spare) = (_spare, full);
        _interval.Reset();
        return full;
    }

    /// <summary>The counts at this moment.</summary>
    public LoadTotals Totals() => new(
        Volatile.Read(ref _connected),
        Volatile.Read(ref _packetsSent),
        Volatile.Read(ref _bytesSent),
        Volatile.Read(ref _packetsUnconfirmed),
        [.. _ends])
    {
        BytesUnconfirmed = Volatile.Read(ref _bytesUnconfirmed),
        PacketsLate = Volatile.Read(ref _packetsLate),
        PacketsUnsent = Volatile.Read(ref _packetsUnsent),
        PacketsAnswered = Volatile.Read(ref _packetsAnswered),
        BytesAnswered = Volatile.Read(ref _bytesAnswered),
    };
}
