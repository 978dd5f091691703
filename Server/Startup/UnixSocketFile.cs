using System.Net.Sockets;
using DotNettyFraming.Hosting;

namespace DotNettyFraming.Server.Startup;

/// <summary>The file of a Unix socket to listen on. The channel deletes it when it closes.</summary>
internal static class UnixSocketFile
{
    private const UnixFileMode Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite;

    /// <summary>Deletes a socket's file that a killed server has left.</summary>
    /// <exception cref="StartupException">The file is not a socket, a process listens on it, or it cannot be deleted.</exception>
    public static void DeleteStale(string path)
    {
        if (FileStatus.Of(path, followLinks: false) is not { } status)
        {
            return; // bind reports every other problem
        }

        if (!status.IsSocket)
        {
            throw Fault(path, "a file exists there that is not a socket");
        }

        if (IsListenedOn(path))
        {
            throw Fault(path, "another process listens on it");
        }

        Try(path, () => File.Delete(path));
    }

    /// <summary>Gives the bound socket's file its mode: owner and group may connect.</summary>
    /// <exception cref="StartupException">The mode cannot be set.</exception>
    public static void SetMode(string path)
    {
        Try(path, () =>
        {
            if (!OperatingSystem.IsWindows())
            {
                File.SetUnixFileMode(path, Mode);
            }
        });
    }

    private static bool IsListenedOn(string path)
    {
        // Not blocking, as a connect to a full queue would block.
        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { Blocking = false };
        try
        {
            probe.Connect(new UnixDomainSocketEndPoint(path));
            return true;
        }
        catch (SocketException e)
        {
            // Any other error, such as a full queue or a missing permission, can come from a listener.
            return e.SocketErrorCode != SocketError.ConnectionRefused;
        }
    }

    private static void Try(string path, Action action)
    {
        try
        {
            action();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Fault(path, e.Message);
        }
    }

    private static StartupException Fault(string path, string reason) => new($"--address unix:{path}: cannot listen: {reason}");
}
