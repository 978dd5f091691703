using System.Net.Sockets;
using DotNetty.Transport.Channels;

namespace DotNettyFraming.LoadClient.Sending;

/// <summary>Where a connection is on its way; <see cref="SendingHandler"/> moves it on, never back.</summary>
internal enum ConnectionState
{
    Connecting, // not yet connected
    Waiting, // connected, and not told to send
    Sending, // sending its share
    Idle, // has sent its share, and stays open
    Flushing, // told to finish, while a write is on its way
    ShutDown, // has sent its FIN and waits for the server's
    Ended, // closed and counted
}

/// <summary>How a connection that was made came to its end; the first reason wins.</summary>
internal enum ConnectionEnd
{
    Completed, // we were done: every byte handed over was taken, and then we closed
    FlushTimedOut, // we were done, but the server did not take the last write within the flush deadline
    CloseTimedOut, // we were done and had sent our FIN, but the server did not close in turn within the close deadline
    ClosedByServer, // the server closed it (FIN) before we were done
    ResetByServer, // the server reset it (RST); also after our own FIN, for then it has thrown away what we sent
    Failed, // an error on our side or on the way: the network went away, a bug
}

/// <summary>Tells from what a connection has met how it ended, where it was not us who closed it.</summary>
internal static class ConnectionEnding
{
    public static ConnectionEnd Of(Exception? fault, ConnectionState state)
    {
        SocketError? error = ((fault as SocketException) ?? (fault?.InnerException as SocketException))?.SocketErrorCode;
        return error switch
        {
            // Shutdown is EPIPE: a write after the reset. NotConnected is a FIN of ours after it.
            SocketError.ConnectionReset or SocketError.ConnectionAborted or SocketError.Shutdown or SocketError.NotConnected =>
                ConnectionEnd.ResetByServer,
            null when fault is null or ClosedChannelException =>
                state == ConnectionState.ShutDown ? ConnectionEnd.Completed : ConnectionEnd.ClosedByServer,
            _ => ConnectionEnd.Failed,
        };
    }
}
