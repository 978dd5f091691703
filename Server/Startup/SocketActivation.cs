using System.Globalization;
using DotNettyFraming.Hosting;

namespace DotNettyFraming.Server.Startup;

/// <summary>A listening socket passed by the service manager: sd_listen_fds(3).</summary>
/// <remarks>systemd keeps the socket open: while the server restarts, connections wait in its backlog.</remarks>
internal static class SocketActivation
{
    /// <summary>The variable with the number of descriptors.</summary>
    public const string CountVariable = "LISTEN_FDS";

    /// <summary>The variable with the id of the process that the descriptors are for; child processes inherit it.</summary>
    public const string ProcessVariable = "LISTEN_PID";

    private const int First = 3; // SD_LISTEN_FDS_START

    /// <summary>Returns the descriptor to listen on; null if none was passed to this process.</summary>
    /// <param name="variable">Reads an environment variable.</param>
    /// <param name="process">The id of this process.</param>
    /// <exception cref="StartupException">Several descriptors were passed; peers of the others would wait forever.</exception>
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
