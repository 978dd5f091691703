using System.Net.Sockets;
using DotNetty.Transport.Channels;

namespace DotNettyFraming.LoadClient.Sending;

/// <summary>Tells from what a connection has met how it ended, where it was not us who closed it.</summary>
internal static class ConnectionEnding
{
    /// <summary>How it ended.</summary>
    /// <param name="fault">What went wrong first; null for nothing.</param>
    /// <param name="state">How far the connection had come.</param>
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
