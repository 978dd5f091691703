using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Sockets;
using DotNettyFraming.Codec;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.Server.Processing;
using DotNettyFraming.Tests.Harness;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Server;

/// <summary>FAULTS 18: a peer that sends as fast as it can does not make the others wait.</summary>
[TestFixture(TransportChoice.Epoll)]
[TestFixture(TransportChoice.Sockets)]
[CancelAfter(120_000)]
[Category("Slow")]
public sealed class FlooderTests(TransportChoice transport)
{
    private const int Senders = 100;
    private const int PacketsEach = 10;

    [Test]
    public async Task Flooder_among_a_hundred_small_senders_leaves_them_their_latency()
    {
        var arrivals = new ArrivalProcessor();
        await using RunningServer server = await RunningServer.StartAsync(transport, arrivals);
        Peer[] senders = await Task.WhenAll(Enumerable.Range(0, Senders).Select(_ => server.ConnectAsync()));
        TimeSpan[] alone = await LatenciesAsync(senders, arrivals);

        using Peer flooder = await server.ConnectAsync();
        using var stop = new CancellationTokenSource();
        Task<long> flood = Task.Factory.StartNew(
            () => Flood(flooder.Socket, stop.Token), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        TimeSpan[] beside = await LatenciesAsync(senders, arrivals);
        await stop.CancelAsync();
        long flooded = await flood.WaitAsync(Peer.Patience);

        TestContext.Out.WriteLine($"{transport}: p50 {Percentile(alone, 50)}, p99 {Percentile(alone, 99)}; beside {flooded >> 20} MiB: p50 {Percentile(beside, 50)}, p99 {Percentile(beside, 99)}");
        Assert.Multiple(() =>
        {
            Assert.That(flooded, Is.GreaterThan(10L << 20), "it was a flood");
            Assert.That(Percentile(beside, 50), Is.LessThan(TimeSpan.FromMilliseconds(20)));
            Assert.That(Percentile(beside, 99), Is.LessThan(TimeSpan.FromMilliseconds(100)));
        });
        Array.ForEach(senders, sender => sender.Dispose());
    }

    /// <summary>From a packet's sending to its arrival at the processor: one sender after the other, so that nobody but the flooder is waited for.</summary>
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

    /// <summary>Says when a packet arrived, by its header's time; those of the flooder have none that is expected.</summary>
    private sealed class ArrivalProcessor : IPacketProcessor
    {
        private readonly ConcurrentDictionary<uint, TaskCompletionSource<long>> _expected = new();

        public Task<long> Expect(uint number) =>
            _expected.GetOrAdd(number, _ => new TaskCompletionSource<long>(TaskCreationOptions.RunContinuationsAsynchronously)).Task;

        public ValueTask ProcessAsync(PacketBatch batch, PacketSource source, CancellationToken cancellationToken)
        {
            foreach (Packet packet in batch)
            {
                if (packet.Time != uint.MaxValue && _expected.TryRemove(packet.Time, out TaskCompletionSource<long>? waiting))
                {
                    waiting.SetResult(Stopwatch.GetTimestamp());
                }
            }

            return ValueTask.CompletedTask;
        }
    }
}
