namespace DotNettyFraming.LoadClient.Measuring;

/// <summary>What a latency is measured from and to. A member added here (acknowledgements, one day) is in every report by itself.</summary>
internal enum LatencyKind
{
    /// <summary>From the connect call to the established connection; with TLS, to the end of its handshake.</summary>
    Connect,

    /// <summary>
    /// From when a write was due to when the kernel had taken its last byte. With <c>--rate</c> the timetable says when it was due, however
    /// late it was begun; without, it is due when it is begun.
    /// </summary>
    Write,
}
