using System.Collections.Concurrent;
using DotNettyFraming.Codec;
using DotNettyFraming.Server.Processing;

namespace DotNettyFraming.Tests.Harness;

/// <summary>A processor that keeps the bytes of every packet, per connection.</summary>
internal sealed class RecordingProcessor : IPacketProcessor
{
    public ConcurrentDictionary<long, ConcurrentQueue<byte[]>> ByConnection { get; } = new();

    public ConcurrentQueue<string?> CertificateSubjects { get; } = new();

    public IEnumerable<byte[]> All => ByConnection.Values.SelectMany(packets => packets);

    public ValueTask ProcessAsync(PacketBatch batch, PacketSource source, CancellationToken cancellationToken)
    {
        CertificateSubjects.Enqueue(source.CertificateSubject);
        ConcurrentQueue<byte[]> packets = ByConnection.GetOrAdd(source.ConnectionId, _ => new ConcurrentQueue<byte[]>());
        foreach (Packet packet in batch)
        {
            packets.Enqueue(packet.Bytes.ToArray());
        }

        return ValueTask.CompletedTask;
    }
}

/// <summary>A processor that completes batches only on the test's request.</summary>
internal sealed class GatedProcessor : IPacketProcessor
{
    private readonly ConcurrentQueue<TaskCompletionSource> _open = new();

    /// <summary>The number of batches received.</summary>
    public int Batches;

    public ValueTask ProcessAsync(PacketBatch batch, PacketSource source, CancellationToken cancellationToken)
    {
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _open.Enqueue(gate);
        Interlocked.Increment(ref Batches);
        return new ValueTask(gate.Task);
    }

    /// <summary>Completes all pending batches.</summary>
    public void CompleteAll()
    {
        while (_open.TryDequeue(out TaskCompletionSource? gate))
        {
            gate.SetResult();
        }
    }

    /// <summary>Returns the pending batches' gates, oldest first, for completion in any order.</summary>
    public TaskCompletionSource[] TakeGates()
    {
        TaskCompletionSource[] gates = [.. _open];
        _open.Clear();
        return gates;
    }
}

/// <summary>A processor that replies to each packet with the packet.</summary>
internal sealed class EchoProcessor : IPacketProcessor
{
    private int _refused;

    /// <summary>The connection of the last batch.</summary>
    public PacketSource? Source { get; private set; }

    /// <summary>Replies that were refused.</summary>
    public int Refused => _refused;

    public ValueTask ProcessAsync(PacketBatch batch, PacketSource source, CancellationToken cancellationToken)
    {
        Source = source;
        foreach (Packet packet in batch)
        {
            if (!source.Reply(new OutgoingPacket(1, packet.Payload.ToArray())))
            {
                Interlocked.Increment(ref _refused);
            }
        }

        return ValueTask.CompletedTask;
    }
}

/// <summary>A processor that fails on packets with payload <c>poison</c>, immediately or later.</summary>
internal sealed class PoisonedProcessor(bool later) : IPacketProcessor
{
    public static byte[] Poison { get; } = Packets.Of("poison"u8.ToArray());

    public ValueTask ProcessAsync(PacketBatch batch, PacketSource source, CancellationToken cancellationToken)
    {
        foreach (Packet packet in batch)
        {
            if (packet.Payload.SequenceEqual("poison"u8))
            {
                var failure = new InvalidOperationException("poisoned");
                return later ? new ValueTask(Task.Run(() => throw failure, CancellationToken.None)) : throw failure;
            }
        }

        return ValueTask.CompletedTask;
    }
}
