using System.Text.Json;
using DotNettyFraming.Benchmarks.Comparison;
using DotNettyFraming.Benchmarks.Load;

namespace DotNettyFraming.Tests.Benchmarks;

/// <summary>What the load generator says it sent is what a server gets.</summary>
[CancelAfter(60_000)]
[Category("Slow")]
public sealed class LoadGeneratorTests
{
    private ServerProcess _server = null!;

    [SetUp]
    public async Task Start_the_floor() =>
        _server = await ServerProcess.StartAsync(Programs.InTests(Contestants.All.Single(contestant => contestant.Name == "floor")));

    [TearDown]
    public void Stop_the_floor() => _server.Dispose();

    [Test]
    public async Task Paced_load_sends_its_rate_in_whole_sweeps_and_all_of_it_is_counted()
    {
        var load = new Workload("", Connections: 10, PacketsAWrite: 3, PayloadBytes: 25, WritesASecond: 1_000);

        var reading = Carry<SendReading>(new SendOrder(_server.Port, _server.ProcessId, load, Seconds: 0.2));

        Assert.Multiple(() =>
        {
            Assert.That(reading.Sweeps, Is.EqualTo(20)); // 1,000 writes a second x 0.2 s / 10 connections
            Assert.That(reading.Packets, Is.EqualTo(20 * 10 * 3));
            Assert.That(reading.Seconds, Is.GreaterThanOrEqualTo(19 * 0.01));
            Assert.That(reading.CpuNanoseconds, Is.Positive);
            Assert.That(reading.Sleeps, Is.Positive);
        });
        Assert.That(await _server.StopAsync(), Is.EqualTo(reading.Packets));
    }

    [Test]
    public async Task Full_speed_load_ends_when_everything_is_read_and_all_of_it_is_counted()
    {
        var load = new Workload("", Connections: 10, PacketsAWrite: 1_000, PayloadBytes: 25, WritesASecond: 0);

        var reading = Carry<SendReading>(new SendOrder(_server.Port, _server.ProcessId, load, Seconds: 0.1));

        Assert.That(reading.Packets, Is.GreaterThan(0));
        Assert.That(await _server.StopAsync(), Is.EqualTo(reading.Packets));
    }

    [Test]
    public async Task Connecting_sends_one_packet_a_connection()
    {
        var reading = Carry<ConnectReading>(new ConnectOrder(_server.Port, _server.ProcessId, Seconds: 0.05));

        Assert.That(reading.ConnectionsASecond, Is.Positive);
        Assert.That(await _server.StopAsync(), Is.EqualTo(reading.Packets).And.GreaterThanOrEqualTo(64));
    }

    [Test]
    public async Task Memory_round_counts_whole_packets_only()
    {
        var reading = Carry<MemoryReading>(new MemoryOrder(_server.Port, _server.ProcessId, Connections: 20, RestSeconds: 0));

        Assert.That(reading.AtRest, Is.Positive);
        Assert.That(await _server.StopAsync(), Is.EqualTo(reading.Packets).And.EqualTo(20 * 3));
    }

    [Test]
    public async Task Server_that_is_gone_is_a_failed_reading()
    {
        await _server.StopAsync();

        LoadReading reading = LoadGenerator.Carry(new ConnectOrder(_server.Port, Environment.ProcessId, Seconds: 0.05));

        Assert.That(reading, Is.InstanceOf<FailedReading>());
    }

    [Test]
    public void Orders_come_as_lines_and_readings_go_as_lines()
    {
        LoadOrder order = new ConnectOrder(_server.Port, _server.ProcessId, Seconds: 0.01);
        string line = JsonSerializer.Serialize(order);
        using var readings = new StringWriter();

        LoadProgram.Run(new StringReader($"{line}\n{line}\n"), readings);

        Assert.That(
            readings.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(text => JsonSerializer.Deserialize<LoadReading>(text)),
            Has.Exactly(2).InstanceOf<ConnectReading>());
    }

    private static T Carry<T>(LoadOrder order)
        where T : LoadReading
    {
        LoadReading reading = LoadGenerator.Carry(order);
        Assert.That(reading, Is.InstanceOf<T>(), () => $"{reading}");
        return (T)reading;
    }
}
