using System.Globalization;
using DotNettyFraming.Hosting;
using DotNettyFraming.Server.Limits;

namespace DotNettyFraming.Server.Startup;

/// <summary>What this machine gives a server, as far as it can stand in an option's way.</summary>
/// <param name="OpenFiles">Hard limit of open files; null where it is not known.</param>
/// <param name="MostBacklog"><c>net.core.somaxconn</c>; null where it is not known.</param>
/// <param name="MemoryBytes">Memory that this process may use.</param>
internal sealed record MachineLimits(long? OpenFiles, int? MostBacklog, long MemoryBytes)
{
    /// <summary>Reads them.</summary>
    public static MachineLimits Read() => new(OpenFileLimit.Read()?.Hard, ReadMostBacklog(), MemoryLimit.Bytes);

    private static int? ReadMostBacklog()
    {
        try
        {
            return int.Parse(File.ReadAllText("/proc/sys/net/core/somaxconn"), CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            return null; // not Linux
        }
    }
}
