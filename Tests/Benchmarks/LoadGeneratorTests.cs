using System.Text.Json;
using DotNettyFraming.Benchmarks.Comparison;
using DotNettyFraming.Benchmarks.Load;

namespace DotNettyFraming.Tests.Benchmarks;

/// <summary>The load generator reports exactly the packets that a server receives.</summary>
[CancelAfter(60_000)]
[Category("Slow")]
public sealed class LoadGeneratorTests
{
    private ServerProcess _server = null!;

    [SetUp]
    public async Task Start_floor() =>
        _server = await ServerProcess.StartAsync(Programs.InTests(Contestants.All.Single(contestant => contestant.Name == "floor")));

    [TearDown]
    public void Stop_floor() => _server.Dispose();

    [Test]
    public async Task Paced_load_keeps_its_rate_in_whole_sweeps_and_is_counted()
    {
        var load = new Workload("", Connections: 10, PacketsPerWrite: 3, PayloadBytes: 25, WritesPerSecond: 1_000);

        var reading = Execute<SendReading>(new SendOrder(_server.Port, _server.ProcessId, load, Seconds: 0.2));

        Assert.Multiple(() =>
        {
            Assert.That(reading.Sweeps, Is.EqualTo(20)); // 1,000 writes per second x 0.2 s / 10 connections
            Assert.That(reading.Packets, Is.EqualTo(20 * 10 * 3));
            Assert.That(reading.Seconds, Is.GreaterThanOrEqualTo(19 * 0.01));
            Assert.That(reading.CpuNanoseconds, Is.Positive);
            Assert.That(reading.Sleeps, Is.Positive);
        });
        Assert.That(await _server.StopAsync(), Is.EqualTo(reading.Packets));
    }

    [Test]
    public async Task Full_speed_load_ends_after_everything_is_read_and_is_counted()
    {
        var load = new Workload("", Connections: 10, PacketsPerWrite: 1_000, PayloadBytes: 25, WritesPerSecond: 0);

        var reading = Execute<SendReading>(new SendOrder(_server.Port, _server.ProcessId, load, Seconds: 0.1));

        Assert.That(reading.Packets, Is.GreaterThan(0));
        Assert.That(await _server.StopAsync(), Is.EqualTo(reading.Packets));
    }

    [Test]
    public async Task Connecting_sends_one_packet_per_connection()
    {
        var reading = Execute<ConnectReading>(new ConnectOrder(_server.Port, _server.ProcessId, Seconds: 0.05));

        Assert.That(reading.ConnectionsPerSecond, Is.Positive);
        Assert.That(await _server.StopAsync(), Is.EqualTo(reading.Packets).And.GreaterThanOrEqualTo(64));
    }

    [Test]
    public async Task Memory_round_counts_whole_packets_only()
    {
        var reading = Execute<MemoryReading>(new MemoryOrder(_server.Port, _server.ProcessId, Connections: 20, RestSeconds: 0));

        Assert.That(reading.AtRest, Is.Positive);
        Assert.That(await _server.StopAsync(), Is.EqualTo(reading.Packets).And.EqualTo(20 * 3));
    }

    [Test]
    public async Task Stopped_server_is_a_failed_reading()
    {
        await _server.StopAsync();

        LoadReading reading = LoadGenerator.Execute(new ConnectOrder(_server.Port, Environment.ProcessId, Seconds: 0.05));

        Assert.That(reading, Is.InstanceOf<FailedReading>());
    }

    [Test]
    public void Orders_and_readings_are_lines()
    {
        LoadOrder order = new ConnectOrder(_server.Port, _server.ProcessId, Seconds: 0.01);
        string line = JsonSerializer.Serialize(order);
        using var readings = new StringWriter();

        LoadProgram.Run(new StringReader($"{line}\n{line}\n"), readings);

        Assert.That(
            readings.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Select(text => JsonSerializer.Deserialize<LoadReading>(text)),
            Has.Exactly(2).InstanceOf<ConnectReading>());
    }

    private static T Execute<T>(LoadOrder order)
        where T : LoadReading
    {
        LoadReading reading = LoadGenerator.Execute(order);
        Assert.That(reading, Is.InstanceOf<T>(), () => $"{reading}");
        return (T)reading;
    }
}
