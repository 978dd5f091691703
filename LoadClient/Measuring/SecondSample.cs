namespace DotNettyFraming.LoadClient.Measuring;

/// <summary>What happened in one interval of a run, a second as a rule.</summary>
/// <param name="End">The interval's end, from the beginning of the run.</param>
/// <param name="Length">Its length: about a second; the last one may be shorter.</param>
/// <param name="Packets">Packets that the kernel took in it.</param>
/// <param name="Bytes">Bytes that the kernel took in it.</param>
/// <param name="Open">Connections open at its end.</param>
/// <param name="Late">Packets of those that went out later than due, with <c>--rate</c>.</param>
/// <param name="Connect">Latency of the connections made in it.</param>
/// <param name="Write">Latency of the writes taken in it.</param>
internal sealed record SecondSample(
    TimeSpan End, TimeSpan Length, long Packets, long Bytes, long Open, long Late, Latency Connect, Latency Write)
{
    /// <summary>Packets a second.</summary>
    public double PacketsPerSecond => Packets / Length.TotalSeconds;

    /// <summary>Bytes a second.</summary>
    public double BytesPerSecond => Bytes / Length.TotalSeconds;
}
