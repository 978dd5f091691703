using System.Globalization;
using DotNettyFraming.Hosting;

namespace DotNettyFraming.LoadClient.Connecting;

/// <summary>The connections that this machine's limits allow.</summary>
/// <param name="Connections">Connections to make.</param>
/// <param name="Message">One line that names the limit and how to raise it; null if all that were asked for are allowed.</param>
internal sealed record ConnectionCap(int Connections, string? Message)
{
    internal const int SpareFiles = 64; // descriptors for reports, DNS, and assemblies that are not loaded yet
    private const string PortRangeFile = "/proc/sys/net/ipv4/ip_local_port_range";
    private const string OpenFilesFolder = "/proc/self/fd";

    /// <summary>Reads this machine's limits; those that cannot be read (not Linux) do not apply.</summary>
    public static ConnectionCap Read(int requested, int sources, int hostile) =>
        Of(requested, OpenFileLimit.Read()?.Hard, CountOpenFiles(), sources > 0 ? ReadPortRange() : null, sources, hostile);

    internal static ConnectionCap Of(
        int requested, long? fileLimit, int openFiles, (int First, int Last)? ports, int sources = 1, int hostile = 0)
    {
        long allPorts = ports is var (first, last) ? (long)sources * Math.Max(0, last - first + 1) : long.MaxValue;
        long byFiles = fileLimit is long limit ? Math.Max(0, limit - openFiles - hostile - SpareFiles) : long.MaxValue;
        long byPorts = ports is null ? long.MaxValue : Math.Max(0, allPorts - hostile);
        if (requested <= Math.Min(byFiles, byPorts))
        {
            return new ConnectionCap(requested, null);
        }

        string reason = byFiles <= byPorts
            ? $"the limit of {fileLimit} open files leaves room for {byFiles}; raise it with "
                + $"'ulimit -n {requested + openFiles + hostile + SpareFiles}' (its hard limit as root, or LimitNOFILE= in a systemd unit)"
            : $"there are {allPorts} source ports ({ports!.Value.First} to {ports.Value.Last}"
                + (sources > 1 ? $" on {sources} addresses)" : ")")
                + (hostile > 0 ? $", {hostile} of them for hostile connections; " : "; ")
                + "connect from more addresses with --source, or widen the range with "
                + "'sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\"'";
        return new ConnectionCap((int)Math.Min(byFiles, byPorts), $"--connections {requested} is too many: {reason}");
    }

    private static int CountOpenFiles()
    {
        try
        {
            return Directory.EnumerateFileSystemEntries(OpenFilesFolder).Count();
        }
        catch (IOException)
        {
            return 0; // not Linux; the limit is unknown there too
        }
    }

    private static (int First, int Last)? ReadPortRange()
    {
        try
        {
            string[] range = File.ReadAllText(PortRangeFile).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            return (int.Parse(range[0], CultureInfo.InvariantCulture), int.Parse(range[1], CultureInfo.InvariantCulture));
        }
        catch (IOException)
        {
            return null; // not Linux
        }
    }
}
