using DotNettyFraming.LoadClient.Sending;
using HdrHistogram;

namespace DotNettyFraming.LoadClient.Measuring;

/// <summary>What one event loop has done. Written by that loop alone, plainly; any thread may read the <see cref="Totals"/>.</summary>
internal sealed class LoadCounters
{
    private readonly long[] _ends = new long[Enum.GetValues<ConnectionEnd>().Length];
    private readonly LongHistogram _connectMicroseconds = LatencyHistogram.New();
    private long _connected;
    private long _packetsSent;
    private long _bytesSent;
    private long _packetsUnconfirmed;

    /// <summary>Time from the connect call to the established connection. Read it only when the loop has stopped.</summary>
    public LongHistogram ConnectMicroseconds => _connectMicroseconds;

    /// <summary>A connection was made.</summary>
    public void Connected(TimeSpan latency)
    {
        _connected++;
        _connectMicroseconds.Record(latency);
    }

    /// <summary>The kernel took whole packets.</summary>
    public void Taken(int packets, int bytes)
    {
        _packetsSent += packets;
        _bytesSent += bytes;
    }

    /// <summary>Packets were handed to a transport that failed and cannot tell whether the kernel took them.</summary>
    public void Unconfirmed(int packets) => _packetsUnconfirmed += packets;

    /// <summary>A connection that had been made has ended.</summary>
    public void Ended(ConnectionEnd end) => _ends[(int)end]++;

    /// <summary>The counts at this moment.</summary>
    public LoadTotals Totals() => new(
        Volatile.Read(ref _connected),
        Volatile.Read(ref _packetsSent),
        Volatile.Read(ref _bytesSent),
        Volatile.Read(ref _packetsUnconfirmed),
        [.. _ends]);
}
