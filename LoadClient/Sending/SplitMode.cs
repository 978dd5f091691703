namespace DotNettyFraming.LoadClient.Sending;

/// <summary>Where <c>--split</c> cuts a write into pieces, each of which is handed to the kernel by itself.</summary>
internal enum SplitMode
{
    /// <summary>In each packet behind its header: 7 bytes, and the payload.</summary>
    Header,

    /// <summary>Everywhere: one byte at a time.</summary>
    Bytes,

    /// <summary>
    /// Anywhere, also between and across packets: each piece has 1 to half a packet's bytes, as the seed and the connection's number say.
    /// </summary>
    Random,
}
