using System.Globalization;
using DotNettyFraming.Hosting;

namespace DotNettyFraming.Server.Startup;

/// <summary>Whether a service manager hands us a socket that listens already: systemd's protocol, sd_listen_fds(3).</summary>
/// <remarks>
/// systemd keeps the socket too. While the server restarts, connections wait in its backlog, and nobody is refused.
/// </remarks>
internal static class SocketActivation
{
    /// <summary>How many descriptors are handed over.</summary>
    public const string CountVariable = "LISTEN_FDS";

    /// <summary>For which process they are meant; variables are inherited, and a child must not take its parent's.</summary>
    public const string ProcessVariable = "LISTEN_PID";

    /// <summary>SD_LISTEN_FDS_START: the first of them.</summary>
    private const int First = 3;

    /// <summary>The descriptor to listen on; null where none was handed to us.</summary>
    /// <param name="variable">Reads an environment variable.</param>
    /// <param name="process">Our own id.</param>
    /// <exception cref="StartupException">Several were: the server has one port, and the others' peers would wait for ever.</exception>
    public static int? Descriptor(Func<string, string?> variable, int process)
    {
        if (Number(variable(ProcessVariable)) != process)
        {
            return null;
        }

        return Number(variable(CountVariable)) switch
        {
            null or <= 0 => null,
            1 => First,
            { } several => throw new StartupException($"{CountVariable}={several}: one listening socket is served, not several"),
        };
    }

    private static int? Number(string? text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : null;
}
