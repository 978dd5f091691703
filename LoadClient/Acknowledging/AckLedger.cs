using DotNettyFraming.Codec;
using DotNettyFraming.LoadClient.Measuring;
using DotNettyFraming.LoadClient.Sending;

namespace DotNettyFraming.LoadClient.Acknowledging;

/// <summary>The acknowledgements of one connection, over all times that it is made. Used on its event loop only.</summary>
internal sealed class AckLedger(HeaderLayout header, LoadCounters counters, LoopClock clock)
{
    private readonly DueTimes _due = new();
    private AckReader _reader = new(header);
    private long _opened; // the first packet since the connection was made: the server counts from there
    private ulong _latest; // the server's newest count

    /// <summary>The packets acknowledged, counted from the first without a gap.</summary>
    public long Acknowledged { get; private set; }

    public bool HasProgress => Acknowledged > _opened; // since the connection was made

    /// <summary>Adds a write that ends before packet <paramref name="end"/>.</summary>
    public void Begin(long end, long due) => _due.Add(end, due);

    /// <summary>Prepares for a new connection, on which the server counts from 0.</summary>
    public void Reopen()
    {
        _reader = new AckReader(header);
        _opened = Acknowledged;
        _latest = 0;
    }

    /// <summary>Reads bytes of the server, and returns a text about a wrong acknowledgement, or null.</summary>
    public string? Read(ReadOnlySpan<byte> input, PacketWriter writer)
    {
        while (true)
        {
            switch (_reader.Next(ref input, out ulong count))
            {
                case AckInput.NeedsMore:
                    return null;
                case AckInput.Fault:
                    return "the server sent bytes that are no packet";
                case AckInput.Acknowledgement when count < _latest:
                    return $"acknowledged {count} packets after {_latest}";
                case AckInput.Acknowledgement when count > (ulong)writer.PacketsHandedOver:
                    return $"acknowledged {count} packets of {writer.PacketsHandedOver} sent";
            }

            _latest = count;
            Advance(_opened + (long)count);
        }
    }

    private void Advance(long acknowledged)
    {
        while (Acknowledged < acknowledged && _due.TryPeek(out long end, out long due))
        {
            long upTo = Math.Min(end, acknowledged);
            counters.Acknowledged(upTo - Acknowledged, clock.Between(due, clock.Now));
            Acknowledged = upTo;
            if (upTo == end)
            {
                _due.RemoveFirst();
            }
        }
    }
}
