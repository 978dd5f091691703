using System.Net;
using System.Net.Sockets;
using System.Text;
using DotNettyFraming.LoadClient.Verification;
using DotNettyFraming.Tests.Harness;
using Microsoft.Extensions.Time.Testing;

namespace DotNettyFraming.Tests.LoadClient.Verification;

/// <summary>Answers of an admin port, and faults in place of one.</summary>
public sealed class StatisticsClientTests
{
    private static readonly ServerStatistics Sample = SampleStatistics.After(7);

    [Test]
    public async Task Statistics_are_read_from_their_path()
    {
        await using var admin = StandInAdmin.Serving(number => SampleStatistics.Json(SampleStatistics.After(number)));
        using var client = new StatisticsClient(admin.Url, TimeProvider.System);

        Assert.That((await ReadAsync(client)).Statistics, Is.EqualTo(SampleStatistics.After(0)));
        Assert.That((await ReadAsync(client)).Statistics, Is.EqualTo(SampleStatistics.After(1)));
        Assert.That(admin.RequestLines, Is.EqualTo(Enumerable.Repeat("GET /api/stats HTTP/1.1", 2)));
    }

    [TestCase("404 Not Found", "", "/api/stats was answered with status 404")]
    [TestCase("503 Service Unavailable", "", "/api/stats was answered with status 503")]
    [TestCase("204 No Content", "", "/api/stats was answered with status 204")]
    [TestCase("302 Found", "Location: /api/stats\r\n", "/api/stats was answered with status 302, and redirects are not followed")]
    public async Task Other_status_is_a_fault_whatever_comes_with_it(string status, string headers, string fault)
    {
        await using var admin = new StandInAdmin(_ => StandInAdmin.Response(status, SampleStatistics.Json(Sample), headers));

        Assert.That(await FaultAsync(admin.Url), Is.EqualTo(fault));
        Assert.That(admin.Requests, Is.EqualTo(1));
    }

    [Test]
    public async Task Page_is_a_fault()
    {
        await using var admin = StandInAdmin.Serving(_ => "<!DOCTYPE html><title>Router</title>");

        Assert.That(await FaultAsync(admin.Url), Is.EqualTo("answered something that is not JSON"));
    }

    [TestCase(0, null)]
    [TestCase(1, "answered with more than 64KiB")]
    public async Task Body_is_read_up_to_its_bound(int beyond, string? fault)
    {
        string json = SampleStatistics.Json(Sample).PadRight((64 * 1024) + beyond);
        await using var admin = StandInAdmin.Serving(_ => json);

        Assert.That(await FaultAsync(admin.Url), Is.EqualTo(fault));
    }

    [Test]
    public async Task Body_without_end_is_given_up_at_the_bound()
    {
        await using var endless = new StandInServer(async connection =>
        {
            await connection.ReadAsync();
            await connection.Socket.SendAsync("HTTP/1.1 200 OK\r\n\r\n"u8.ToArray(), connection.Stopped);
            byte[] spaces = [.. Enumerable.Repeat((byte)' ', 4096)];
            while (true)
            {
                await connection.Socket.SendAsync(spaces, connection.Stopped);
            }
        });

        Assert.That(await FaultAsync(new Uri($"http://127.0.0.1:{endless.Port}")), Is.EqualTo("answered with more than 64KiB"));
    }

    [TestCase("")]
    [TestCase("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{ \"uptimeSeconds\": 1,")]
    public async Task Slow_answer_is_given_up_after_the_time_of_a_request(string answered)
    {
        var clock = new FakeTimeProvider();
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var slow = new StandInServer(async connection =>
        {
            await connection.ReadAsync();
            await connection.Socket.SendAsync(Encoding.ASCII.GetBytes(answered), connection.Stopped);
            reached.SetResult();
            await Task.Delay(Timeout.Infinite, connection.Stopped);
        });
        using var client = new StatisticsClient(new Uri($"http://127.0.0.1:{slow.Port}"), clock);

        Task<StatisticsReading> reading = client.ReadAsync(CancellationToken.None);
        await reached.Task.WaitAsync(Peer.Patience);
        clock.Advance(TimeSpan.FromSeconds(5) - TimeSpan.FromTicks(1));
        Assert.That(reading.IsCompleted, Is.False);
        clock.Advance(TimeSpan.FromTicks(1));

        Assert.That((await reading.WaitAsync(Peer.Patience)).Fault, Is.EqualTo("did not answer within 5s"));
    }

    [Test]
    public async Task Cancellation_is_no_fault_of_the_server()
    {
        await using var silent = new StandInServer(StandInServer.NeverRead);
        using var client = new StatisticsClient(new Uri($"http://127.0.0.1:{silent.Port}"), TimeProvider.System);
        using var cancel = new CancellationTokenSource();

        Task<StatisticsReading> reading = client.ReadAsync(cancel.Token);
        await cancel.CancelAsync();

        Assert.That(async () => await reading.WaitAsync(Peer.Patience), Throws.InstanceOf<OperationCanceledException>());
    }

    [Test]
    public async Task Nobody_there_is_a_fault()
    {
        using var taken = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        taken.Bind(new IPEndPoint(IPAddress.Loopback, 0)); // bound, so that no other socket can listen there
        int port = ((IPEndPoint)taken.LocalEndPoint!).Port;

        Assert.That(await FaultAsync(new Uri($"http://127.0.0.1:{port}")), Is.EqualTo("Connection refused"));
    }

    [Test]
    public async Task Port_of_another_protocol_is_a_fault()
    {
        await using var hangsUp = new StandInServer(async connection =>
        {
            await connection.ReadAsync();
            connection.Socket.Dispose();
        });
        await using var garbage = new StandInServer(async connection =>
        {
            await connection.ReadAsync();
            await connection.Socket.SendAsync(Encoding.ASCII.GetBytes($"SSH-2.0-{new string('x', 3000)}\r\n"), connection.Stopped);
            await Task.Delay(Timeout.Infinite, connection.Stopped);
        });

        Assert.That(await FaultAsync(new Uri($"http://127.0.0.1:{hangsUp.Port}")), Does.StartWith("The response ended prematurely"));
        Assert.That(
            await FaultAsync(new Uri($"http://127.0.0.1:{garbage.Port}")), Does.Contain("SSH-2.0-").And.Length.LessThanOrEqualTo(201));
        Assert.That(await FaultAsync(new Uri($"https://127.0.0.1:{garbage.Port}")), Does.Contain("frame"));
    }

    private static async Task<string?> FaultAsync(Uri admin)
    {
        using var client = new StatisticsClient(admin, TimeProvider.System);
        return (await ReadAsync(client)).Fault;
    }

    private static Task<StatisticsReading> ReadAsync(StatisticsClient client) =>
        client.ReadAsync(CancellationToken.None).WaitAsync(Peer.Patience);
}
