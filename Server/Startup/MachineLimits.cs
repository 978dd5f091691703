using System.Globalization;
using DotNettyFraming.Hosting;
using DotNettyFraming.Server.Limits;

namespace DotNettyFraming.Server.Startup;

/// <summary>The limits of this machine that can conflict with an option.</summary>
/// <param name="OpenFiles">Hard limit of open files; null if unknown.</param>
/// <param name="MostBacklog"><c>net.core.somaxconn</c>; null if unknown.</param>
/// <param name="MemoryBytes">Memory that this process may use.</param>
internal sealed record MachineLimits(long? OpenFiles, int? MostBacklog, long MemoryBytes)
{
    /// <summary>Reads the limits.</summary>
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
