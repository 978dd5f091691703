using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace DotNettyFraming.Tests.Harness;

/// <summary>Debian's HAProxy in front of a server, passing TCP connections on with PROXY headers; killed at the end of its test.</summary>
internal sealed class Haproxy : IDisposable
{
    private readonly Process _process;
    private readonly string _folder;
    private readonly StringBuilder _said = new();

    private Haproxy(Process process, string folder, int port)
    {
        _process = process;
        _folder = folder;
        Port = port;
        process.OutputDataReceived += (_, line) => Keep(line.Data);
        process.ErrorDataReceived += (_, line) => Keep(line.Data);
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <summary>Where it listens, on 127.0.0.1 and on ::1.</summary>
    public int Port { get; }

    /// <summary>Starts it; where it is not installed, the test is ignored, and fails in CI.</summary>
    /// <param name="server">Where it passes connections on to.</param>
    /// <param name="serverOptions">What stands behind that on its <c>server</c> line: <c>send-proxy</c>, <c>send-proxy-v2</c>.</param>
    public static Haproxy Start(IPEndPoint server, string serverOptions)
    {
        string executable = InstalledProgram.Find("haproxy");
        string folder = Directory.CreateTempSubdirectory("framing-haproxy-").FullName;
        string configuration = Path.Combine(folder, "haproxy.cfg");
        int port = FreePort();
        File.WriteAllText(configuration, $"""
            global
                maxconn 100
            defaults
                mode tcp
                timeout connect 10s
                timeout client 60s
                timeout server 60s
            listen framing
                bind 127.0.0.1:{port}
                bind [::1]:{port}
                server framing {server} {serverOptions}

            """);
        var start = new ProcessStartInfo(executable, ["-db", "-f", configuration]) // -db: stays in the foreground
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        return new Haproxy(new Process { StartInfo = start }, folder, port);
    }

    /// <summary>Connects to it, as soon as it listens.</summary>
    public async Task<Socket> ConnectAsync(IPAddress address)
    {
        using var timeout = new CancellationTokenSource(Peer.Patience);
        while (true)
        {
            var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                await socket.ConnectAsync(new IPEndPoint(address, Port), timeout.Token);
                return socket;
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused)
            {
                socket.Dispose();
                Assert.That(_process.HasExited, Is.False, Said);
                await Task.Delay(5, timeout.Token); // it tells nobody when it is ready
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit(Peer.Patience);
        }

        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>It cannot be told to pick a port: one that was free a moment ago.</summary>
    private static int FreePort()
    {
        using var listener = new Socket(AddressFamily.InterNetworkV6, SocketType.Stream, ProtocolType.Tcp) { DualMode = true };
        listener.Bind(new IPEndPoint(IPAddress.IPv6Any, 0));
        return ((IPEndPoint)listener.LocalEndPoint!).Port;
    }

    private void Keep(string? line)
    {
        lock (_said)
        {
            _said.AppendLine(line);
        }
    }

    private string Said()
    {
        lock (_said)
        {
            return $"haproxy ended: {_said}";
        }
    }
}
