using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Sockets;
using DotNettyFraming.Codec;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.Server.Processing;
using DotNettyFraming.Tests.Harness;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Server;

/// <summary>FAULTS 18: a peer that sends as fast as it can does not delay the others.</summary>
[TestFixture(TransportChoice.Epoll)]
[TestFixture(TransportChoice.Sockets)]
[CancelAfter(120_000)]
[Category("Slow")]
public sealed class FlooderTests(TransportChoice transport)
{
    private const int Senders = 100;
    private const int PacketsEach = 10;

    [Test]
    public async Task Flooder_does_not_delay_a_hundred_small_senders()
    {
        var arrivals = new ArrivalProcessor();
        await using RunningServer server = await RunningServer.StartAsync(transport, arrivals);
        Peer[] senders = await Task.WhenAll(Enumerable.Range(0, Senders).Select(_ => server.ConnectAsync()));
        TimeSpan[] alone = await LatenciesAsync(senders, arrivals);

        using Peer flooder = await server.ConnectAsync();
        using var stop = new CancellationTokenSource();
        Task<long> flooding = Task.Factory.StartNew(
            () => Flood(flooder.Socket, stop.Token), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        TimeSpan[] flooded = await LatenciesAsync(senders, arrivals);
        await stop.CancelAsync();
        long flood = await flooding.WaitAsync(Peer.Patience);

        TestContext.Out.WriteLine(
            $"{transport}: p50 {Percentile(alone, 50)}, p99 {Percentile(alone, 99)}; "
            + $"next to a flood of {flood >> 20} MiB: p50 {Percentile(flooded, 50)}, p99 {Percentile(flooded, 99)}");
        Assert.Multiple(() =>
        {
            Assert.That(flood, Is.GreaterThan(10L << 20), "bytes of the flood");
            Assert.That(Percentile(flooded, 50), Is.LessThan(TimeSpan.FromMilliseconds(20)));
            Assert.That(Percentile(flooded, 99), Is.LessThan(TimeSpan.FromMilliseconds(100)));
        });
        Array.ForEach(senders, sender => sender.Dispose());
    }

    /// <summary>Measures from sending to arrival at the processor. One sender at a time: only the flooder can delay it.</summary>
    private static async Task<TimeSpan[]> LatenciesAsync(Peer[] senders, ArrivalProcessor arrivals)
    {
        var latencies = new List<TimeSpan>();
        for (uint number = 0; number < Senders * PacketsEach; number++)
        {
            Task<long> arrival = arrivals.Expect(number);
            long sent = Stopwatch.GetTimestamp();
            await senders[number % Senders].SendAsync(OfLength(25, time: number));
            latencies.Add(Stopwatch.GetElapsedTime(sent, await arrival.WaitAsync(Peer.Patience)));
        }

        return [.. latencies.Order()];
    }

    private static TimeSpan Percentile(TimeSpan[] sorted, int percent) => sorted[sorted.Length * percent / 100];

    private static long Flood(Socket socket, CancellationToken stop)
    {
        byte[] packets = Repeat(OfLength(25, time: uint.MaxValue), 2048);
        socket.SendTimeout = (int)Peer.Patience.TotalMilliseconds;
        long sent = 0;
        while (!stop.IsCancellationRequested)
        {
            for (int from = 0; from < packets.Length;)
            {
                from += socket.Send(packets.AsSpan(from));
            }

            sent += packets.Length;
        }

        return sent;
    }

    /// <summary>A processor that reports when a packet arrived; the header's time identifies it, and the flooder's are ignored.</summary>
    private sealed class ArrivalProcessor : IPacketProcessor
    {
        private readonly ConcurrentDictionary<uint, TaskCompletionSource<long>> _expected = new();

        public Task<long> Expect(uint number) =>
            _expected.GetOrAdd(number, _ => new TaskCompletionSource<long>(TaskCreationOptions.RunContinuationsAsynchronously)).Task;

        public ValueTask ProcessAsync(PacketBatch batch, PacketSource source, CancellationToken cancellationToken)
        {
            foreach (Packet packet in batch)
            {
                if (packet.Time is { } time and not uint.MaxValue && _expected.TryRemove(time, out TaskCompletionSource<long>? waiting))
                {
                    waiting.SetResult(Stopwatch.GetTimestamp());
                }
            }

            return ValueTask.CompletedTask;
        }
    }
}
