using System.Net;
using System.Net.Sockets;
using DotNettyFraming.Hosting;

namespace DotNettyFraming.Tests.Harness;

/// <summary>The machine that runs the tests. A test that needs more than it offers is skipped with the reason.</summary>
internal static class Machine
{
    /// <summary>Whether the IPv6 loopback works. A kernel may have IPv6 without a single address.</summary>
    public static bool HasIPv6 { get; } = CanBind(IPAddress.IPv6Loopback);

    /// <summary>Skips the test without IPv6.</summary>
    public static void RequireIPv6() => Require(HasIPv6, "this machine has no IPv6");

    /// <summary>Skips the test if the address is IPv6 and this machine has none.</summary>
    public static void RequireFamilyOf(string address) => Require(HasIPv6 || !address.Contains(':'), "this machine has no IPv6");

    /// <summary>Skips the test on other systems than Linux.</summary>
    public static void RequireLinux(string reason) => Require(OperatingSystem.IsLinux(), $"needs Linux: {reason}");

    /// <summary>Skips the test if a process cannot hold that many connections, with 512 files for everything else.</summary>
    public static void RequireConnections(int count)
    {
        const int OtherFiles = 512;
        long limit = OpenFileLimit.Read()?.Hard ?? OpenFileLimit.Unlimited;
        Require(limit >= count + OtherFiles, $"needs {count + OtherFiles} open files, and the hard limit is {limit} (ulimit -Hn)");
    }

    /// <summary>Returns a TCP port for a program that cannot pick one itself.</summary>
    public static int FreePort() => FreePorts(1)[0];

    /// <summary>Returns consecutive TCP ports that were all free at one moment.</summary>
    /// <remarks>No outgoing connection gets them: one to the port of a killed server could meet itself.</remarks>
    public static int[] FreePorts(int count)
    {
        while (true)
        {
            int first = Random.Shared.Next(10_000, 32_000 - count);
            int[] ports = [.. Enumerable.Range(first, count)];
            var sockets = new List<Socket>();
            try
            {
                foreach (int port in ports)
                {
                    sockets.Add(new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));
                    sockets[^1].Bind(new IPEndPoint(IPAddress.Loopback, port));
                    sockets[^1].Listen();
                }

                return ports;
            }
            catch (SocketException)
            {
                // One is in use: others.
            }
            finally
            {
                sockets.ForEach(socket => socket.Dispose());
            }
        }
    }

    private static void Require(bool condition, string reason)
    {
        if (!condition)
        {
            Assert.Ignore(reason);
        }
    }

    private static bool CanBind(IPAddress address)
    {
        try
        {
            using var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(new IPEndPoint(address, 0));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
