using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using DotNettyFraming.Tests.Harness;

namespace DotNettyFraming.Tests.Programs;

/// <summary>systemd's protocols without systemd: <c>sd_notify(3)</c> and <c>sd_listen_fds(3)</c>.</summary>
[CancelAfter(90_000)]
[Platform("Linux")]
[Category("Slow")]
public sealed class SystemdTests
{
    [Test]
    public async Task Service_manager_is_notified_of_readiness_and_stop()
    {
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        using var manager = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        manager.Bind(new UnixDomainSocketEndPoint(path));
        try
        {
            using ProgramRun server = ProgramRun.Start("Server", ["--port", "0", "--log-directory", "none"], ("NOTIFY_SOCKET", path));
            Assert.That(await NextAsync(manager), Is.EqualTo("READY=1"));
            await server.LineAsync("listening on");

            server.Signal(PosixSignal.SIGTERM);

            Assert.That(await NextAsync(manager), Is.EqualTo("STOPPING=1"));
            Assert.That(await server.ExitAsync(), Is.Zero);
            Assert.That(server.Errors, Is.Empty);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Test]
    public async Task Missing_service_manager_is_a_warning()
    {
        using ProgramRun server = ProgramRun.Start(
            "Server", ["--port", "0", "--log-directory", "none"], ("NOTIFY_SOCKET", "/proc/nowhere"));

        Assert.That(await server.LineAsync("NOTIFY_SOCKET"), Does.Contain("WARN").And.Contain("READY=1 could not be sent"));
        await server.StopAsync();
    }

    [Test]
    public async Task Restart_on_a_passed_socket_refuses_no_connection()
    {
        using Socket listener = Listener();
        int port = ((IPEndPoint)listener.LocalEndPoint!).Port;
        for (int run = 0; run < 2; run++)
        {
            // No server runs now; the connection waits in the backlog.
            using Peer peer = await Peer.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port));
            await peer.SendAsync(Packets.Article);

            using ProgramRun server = Activate(listener, 1, "--port", "1", "--report-every", "1");
            await server.LineAsync($"listening on 127.0.0.1:{port}");
            await server.LineAsync("processed 1 packets");
            Assert.That(await server.LineAsync("socket activation"), Does.Contain("descriptor 3").And.Contain("are ignored"));

            Assert.That((await server.StopAsync())["packets.processed"], Is.EqualTo(1));
        }
    }

    [Test]
    public async Task Socket_shut_down_by_its_other_owner_is_exit_code_1()
    {
        using Socket listener = Listener();
        int port = ((IPEndPoint)listener.LocalEndPoint!).Port;
        using ProgramRun server = Activate(listener, 1);
        await server.LineAsync($"listening on 127.0.0.1:{port}");

        listener.Shutdown(SocketShutdown.Both);

        Assert.That(await server.ExitAsync(), Is.EqualTo(1), server.Everything);
        Assert.That(server.Output, Has.One.Contains($"ERROR").And.One.Contains($"the listening socket 127.0.0.1:{port} is lost: it was "));
        Assert.That(server.Output, Has.One.Contains("stopped: "));
    }

    [Test]
    public async Task Socket_that_does_not_listen_is_one_line_and_exit_code_1()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);

        Assert.That(await RefusalAsync(socket, 1), Does.StartWith("LISTEN_FDS: ").And.Contain("descriptor 3 does not listen"));
    }

    [Test]
    public async Task Several_sockets_are_one_line_and_exit_code_1()
    {
        using Socket listener = Listener();

        Assert.That(await RefusalAsync(listener, 2), Does.StartWith("LISTEN_FDS=2: "));
    }

    [Test]
    public async Task Sockets_transport_with_a_passed_socket_is_one_line_and_exit_code_1()
    {
        using Socket listener = Listener();

        Assert.That(await RefusalAsync(listener, 1, "--transport", "sockets"), Does.StartWith("LISTEN_FDS: the sockets transport"));
    }

    private static async Task<string> RefusalAsync(Socket socket, int count, params string[] arguments)
    {
        using ProgramRun server = Activate(socket, count, arguments);
        Assert.That(await server.ExitAsync(), Is.EqualTo(1), server.Everything);
        Assert.That(server.Errors, Has.Count.EqualTo(1));
        return server.Errors.Single();
    }

    private static Socket Listener()
    {
        var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        return listener;
    }

    /// <summary>Starts a server with the socket as descriptor 3: a shell moves it there and then executes the server.</summary>
    private static ProgramRun Activate(Socket socket, int count, params string[] arguments)
    {
        using var inherited = new DuplicatedDescriptor(socket);
        string script = $"exec 3<&{inherited.Number} {inherited.Number}<&-; export LISTEN_PID=$$ LISTEN_FDS={count}; exec \"$@\"";
        return ProgramRun.StartFile(
            "bash", ["-c", script, "bash", Repository.Program("Server"), "--log-directory", "none", .. arguments]);
    }

    private static async Task<string> NextAsync(Socket manager)
    {
        using var timeout = new CancellationTokenSource(Peer.Patience);
        byte[] buffer = new byte[256];
        return Encoding.UTF8.GetString(buffer, 0, await manager.ReceiveAsync(buffer, timeout.Token));
    }
}
