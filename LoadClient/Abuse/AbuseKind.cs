namespace DotNettyFraming.LoadClient.Abuse;

/// <summary>What a hostile peer does, as <c>--abuse</c> says it (<c>bad-prefix</c> for <see cref="BadPrefix"/>).</summary>
/// <remarks>What exactly goes over the wire is <see cref="HostileScript"/>'s; good packets are the article's, 32 bytes, stamped.</remarks>
internal enum AbuseKind
{
    /// <summary>
    /// A packet whose first byte is not <c>&amp;</c>, all else of it right, and a good packet behind it; then silence. A good server processes
    /// neither, and closes at once.
    /// </summary>
    BadPrefix,

    /// <summary>
    /// 1 to 20 good packets, then one with a wrong first byte and three good ones, in one write; then silence. A good server processes
    /// those before the fault, none behind it, and closes at once.
    /// </summary>
    BadPrefixLate,

    /// <summary>
    /// A header that announces 65,535 bytes, and 16 of them; then silence. A server that allows less than 65,535 (<c>--max-payload</c>)
    /// closes as soon as it has the header, without setting memory aside. To one that allows them it is a legal start: it closes when its
    /// time for one packet is over (<c>--packet-timeout</c>).
    /// </summary>
    Oversize,

    /// <summary>
    /// A packet of 65,542 bytes, one byte a second; the peers' seconds begin at different moments. Never idle for long, and never done:
    /// a good server has a time limit for the packet as well as for the pause.
    /// </summary>
    SlowLoris,

    /// <summary>
    /// All but the last byte of a packet of 65,542 bytes; then silence. A good server bounds the memory that such peers hold, and closes
    /// when its time for one packet is over.
    /// </summary>
    HalfPacket,

    /// <summary>
    /// 1 to 8 good packets and a piece of another, and then RST (SO_LINGER 0), as soon as they are written. A good server discards the piece,
    /// and takes the reset for what it is: no fault of its own. What it has not read by then is lost.
    /// </summary>
    Reset,

    /// <summary>
    /// Connects and closes without a byte, again and again as long as the attack lasts. A good server has as many descriptors and as much
    /// memory afterwards as before. We close first, so that our port stays taken (TIME_WAIT) for a second on the loopback interface, and
    /// for a minute elsewhere: what comes faster than ports are free again counts as refused, <c>AddressNotAvailable</c>.
    /// </summary>
    ConnectFlood,

    /// <summary>
    /// Random bytes, 16 KiB at a time, as long as they are taken. One in 256 starts with <c>&amp;</c>. A good server closes at the first byte
    /// that is no packet's; as it then has unread input, the close is mostly a reset.
    /// </summary>
    RandomBytes,
}
