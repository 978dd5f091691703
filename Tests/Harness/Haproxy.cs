using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace DotNettyFraming.Tests.Harness;

/// <summary>HAProxy in front of a server: passes TCP connections on with PROXY headers.</summary>
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

    /// <summary>The port that it listens on, on 127.0.0.1 and, with IPv6, on ::1.</summary>
    public int Port { get; }

    /// <summary>Starts HAProxy. Skips the test where it is missing; in CI fails it.</summary>
    /// <param name="server">The address that connections are passed on to.</param>
    /// <param name="serverOptions">The options of its <c>server</c> line: <c>send-proxy</c>, <c>send-proxy-v2</c>.</param>
    public static Haproxy Start(IPEndPoint server, string serverOptions)
    {
        string executable = InstalledProgram.Find("haproxy");
        string folder = Directory.CreateTempSubdirectory("framing-haproxy-").FullName;
        string configuration = Path.Combine(folder, "haproxy.cfg");
        int port = Machine.FreePort();
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
                {(Machine.HasIPv6 ? $"bind [::1]:{port}" : "")}
                server framing {server} {serverOptions}

            """);
        var start = new ProcessStartInfo(executable, ["-db", "-f", configuration]) // -db: stays in the foreground
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        return new Haproxy(new Process { StartInfo = start }, folder, port);
    }

    /// <summary>Connects, as soon as it listens.</summary>
    public async Task<Socket> ConnectAsync(IPAddress address)
    {
        Machine.RequireFamilyOf($"{address}");
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
                await Task.Delay(5, timeout.Token); // it does not report when it is ready
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
