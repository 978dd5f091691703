using System.Net.Sockets;
using DotNetty.Transport.Channels;

namespace DotNettyFraming.LoadClient.Sending;

/// <summary>The states of a connection, in their order.</summary>
internal enum ConnectionState
{
    Connecting,
    Waiting, // connected, and not started
    Sending, // sending its share
    Idle, // has sent its share, and stays open
    Flushing, // finishing, with a write pending or due
    ShutDown, // has sent its FIN and waits for the server's
    Ended, // closed and counted
}

/// <summary>The reason why a connection that was made has ended; the first one wins.</summary>
internal enum ConnectionEnd
{
    Completed, // by us, after every byte was taken
    FlushTimedOut, // by us: the server did not take the last write within the flush deadline
    CloseTimedOut, // by us: the server did not answer our FIN within the close deadline
    ClosedByServer, // FIN before we were done
    ResetByServer, // RST, also after our own FIN: the server has discarded data
    Failed, // an error on our side or on the way: the network, a bug
    WrongAcknowledgement, // by us: an acknowledgement went down, or covers packets that were not sent
}

/// <summary>The classification of ends that are not ours.</summary>
internal static class ConnectionEnding
{
    public static ConnectionEnd Of(Exception? fault, ConnectionState state) =>
        IsReset(fault) ? ConnectionEnd.ResetByServer
        : !IsClose(fault) ? ConnectionEnd.Failed
        : state == ConnectionState.ShutDown ? ConnectionEnd.Completed
        : ConnectionEnd.ClosedByServer;

    /// <summary>Whether a fault means a reset. Shutdown is EPIPE, a write after it; NotConnected is our FIN after it.</summary>
    public static bool IsReset(Exception? fault) => SocketErrorOf(fault)
        is SocketError.ConnectionReset or SocketError.ConnectionAborted or SocketError.Shutdown or SocketError.NotConnected;

    /// <summary>Whether the channel closed without an error, that is after the server's FIN.</summary>
    public static bool IsClose(Exception? fault) => SocketErrorOf(fault) is null && fault is null or ClosedChannelException;

    private static SocketError? SocketErrorOf(Exception? fault) =>
        ((fault as SocketException) ?? (fault?.InnerException as SocketException))?.SocketErrorCode;
}
