using System.Collections.Concurrent;
using DotNetty.Transport.Channels;

namespace DotNettyFraming.Transport;

/// <summary>Integer socket options by level and name, as in setsockopt(2), for options that DotNetty does not name.</summary>
/// <remarks>
/// For the channels of this transport:
/// <c>.ChildOption(IntegerSocketOption.TcpUserTimeout, 30_000)</c>, <c>.Option(IntegerSocketOption.Of(1, 36), 7)</c>.
/// </remarks>
public static class IntegerSocketOption
{
    private const int SocketLevel = 1;
    private const int TcpLevel = 6;

    private static readonly ConcurrentDictionary<ChannelOption, (int Level, int Name)> Known = new();

    /// <summary>TCP_KEEPIDLE (tcp(7)): the idle seconds before the first keep-alive probe.</summary>
    public static ChannelOption<int> TcpKeepIdle { get; } = Of(TcpLevel, 4);

    /// <summary>TCP_KEEPINTVL (tcp(7)): the seconds between two keep-alive probes.</summary>
    public static ChannelOption<int> TcpKeepInterval { get; } = Of(TcpLevel, 5);

    /// <summary>TCP_KEEPCNT (tcp(7)): the unanswered keep-alive probes that end a connection.</summary>
    public static ChannelOption<int> TcpKeepCount { get; } = Of(TcpLevel, 6);

    /// <summary>TCP_QUICKACK (tcp(7)): 0 delays ACKs. The kernel may turn it on again.</summary>
    public static ChannelOption<int> TcpQuickAck { get; } = Of(TcpLevel, 12);

    /// <summary>TCP_USER_TIMEOUT (tcp(7)): the milliseconds without an ACK that end a connection.</summary>
    public static ChannelOption<int> TcpUserTimeout { get; } = Of(TcpLevel, 18);

    /// <summary>SO_MARK (socket(7)): the mark of sent packets, for routing and filtering. Needs CAP_NET_ADMIN.</summary>
    public static ChannelOption<int> SoMark { get; } = Of(SocketLevel, 36);

    /// <summary>Returns the option of a level and a name.</summary>
    public static ChannelOption<int> Of(int level, int name)
    {
        ChannelOption<int> option = ChannelOption.ValueOf<int>($"setsockopt {level} {name}");
        Known.TryAdd(option, (level, name));
        return option;
    }

    internal static bool TryFind(ChannelOption option, out int level, out int name)
    {
        bool isKnown = Known.TryGetValue(option, out (int Level, int Name) found);
        (level, name) = found;
        return isKnown;
    }
}
