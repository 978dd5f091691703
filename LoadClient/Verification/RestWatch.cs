using DotNettyFraming.Hosting.Options;

namespace DotNettyFraming.LoadClient.Verification;

/// <summary>Decides from reading to reading whether the server is at rest: it has settled everything that reached it, and nothing more comes.</summary>
/// <remarks>
/// Two readings alike are not enough. A slow processor completes nothing between two of them while packets wait (they are pending, so
/// the books do not balance); and bytes in socket buffers are in no counter yet. So while less has come than must, the counters have to
/// stand still for longer. Not for several threads.
/// </remarks>
/// <param name="packetsDue">What packets.received will be at least once everything has come.</param>
/// <param name="bytesDue">What bytes.received will be at least.</param>
/// <param name="quiet">How long the counters must stand still where less has come: <see cref="VerificationLimits.Quiet"/>.</param>
internal sealed class RestWatch(long packetsDue, long bytesDue, TimeSpan quiet)
{
    private ServerStatistics? _latest;
    private TimeSpan _unchangedSince;

    /// <summary>Takes the next reading in.</summary>
    /// <param name="reading">What the server counted.</param>
    /// <param name="at">When, on any clock that goes on.</param>
    /// <returns>Null at rest; otherwise why it is not, in words.</returns>
    public string? Observe(ServerStatistics reading, TimeSpan at)
    {
        bool changed = _latest is null || !reading.CountsTheSameAs(_latest);
        _latest = reading;
        if (changed)
        {
            _unchangedSince = at;
        }

        if (reading.PacketsPending != 0)
        {
            return reading.PacketsPending > 0
                ? $"packets received and not yet processed: {reading.PacketsPending}"
                : $"packets processed or dropped without having been received: {-reading.PacketsPending}";
        }

        if (reading.BytesAccountedFor != reading.BytesReceived)
        {
            return $"bytes.received is {reading.BytesReceived}, and 7 × packets.received + payload + discarded + unfinished is "
                + $"{reading.BytesAccountedFor}";
        }

        if (changed)
        {
            return "its counters were changing";
        }

        bool allHasCome = reading.PacketsReceived >= packetsDue && reading.BytesReceived >= bytesDue;
        return allHasCome || at - _unchangedSince >= quiet
            ? null
            : $"less has come than was sent, and the counters have not stood still for {DurationText.Format(quiet)} yet";
    }
}
