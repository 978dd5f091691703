using System.Net.Sockets;
using System.Text;
using DotNettyFraming.Server.Metrics;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Server.Startup;

/// <summary>Reports the server's state to systemd: sd_notify(3).</summary>
internal static class ServiceManager
{
    /// <summary>Sent after the start-up line.</summary>
    public const string Ready = "READY=1";

    /// <summary>Sent when the drain starts.</summary>
    public const string Stopping = "STOPPING=1";

    /// <summary>Sends a state to the socket in <c>NOTIFY_SOCKET</c>, if it is set; a failure is logged.</summary>
    public static void Notify(string state, ILogger logger)
    {
        if (Environment.GetEnvironmentVariable("NOTIFY_SOCKET") is not { Length: > 0 } path)
        {
            return;
        }

        try
        {
            // An abstract name starts with a zero byte, written as @ in the variable.
            string address = path[0] == '@' ? $"\0{path[1..]}" : path;
            using var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
            socket.Connect(new UnixDomainSocketEndPoint(address));
            socket.Send(Encoding.UTF8.GetBytes(state));
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            logger.NotNotified(state, e.Message);
        }
    }
}
