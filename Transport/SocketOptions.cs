using System.Net.Sockets;
using DotNetty.Transport.Channels;
using DotNettyFraming.Transport.Native;

namespace DotNettyFraming.Transport;

/// <summary>Socket options with DotNetty's error contract: a <see cref="ChannelException"/> around the system's exception.</summary>
internal static class SocketOptions
{
    public static int Get(SocketDescriptor socket, int level, int name) =>
        Guard(socket, s => s.GetOption(level, name));

    public static void Set(SocketDescriptor socket, int level, int name, int value) =>
        Guard(socket, s => s.SetOption(level, name, value));

    public static void Guard(SocketDescriptor socket, Action<SocketDescriptor> access) =>
        Guard(socket, s =>
        {
            access(s);
            return 0;
        });

    public static T Guard<T>(SocketDescriptor socket, Func<SocketDescriptor, T> access)
    {
        try
        {
            return access(socket);
        }
        catch (Exception e) when (e is ObjectDisposedException or SocketException)
        {
            throw new ChannelException(e);
        }
    }
}
