using System.Net;
using DotNetty.Buffers;
using DotNettyFraming.Codec;

namespace DotNettyFraming.Server.Processing;

/// <summary>A connection without a server, for unit tests of an <see cref="IPacketProcessor"/>.</summary>
/// <example>
/// <code>
/// var connection = new TestConnection();
/// await connection.ProcessAsync(processor, [0x26, 0, 0, 0, 0, 0, 0]);
/// </code>
/// </example>
public sealed class TestConnection
{
    private readonly HeaderLayout _header;
    private readonly RecordedReplies _replies = new();
    private long _packets;

    /// <summary>Makes a connection.</summary>
    /// <param name="peer">Its <see cref="PacketSource.Peer"/>.</param>
    /// <param name="certificateSubject">Its <see cref="PacketSource.CertificateSubject"/>.</param>
    /// <param name="eventLoop">Its <see cref="PacketSource.EventLoop"/>.</param>
    /// <param name="header">The layout of headers; by default the default layout.</param>
    public TestConnection(EndPoint? peer = null, string? certificateSubject = null, int eventLoop = 0, HeaderLayout? header = null)
    {
        _header = header ?? HeaderLayout.Default;
        Source = new PacketSource(1, peer, eventLoop, _replies, _header) { CertificateSubject = certificateSubject };
    }

    /// <summary>The connection as the processor sees it.</summary>
    public PacketSource Source { get; }

    /// <summary>The bytes of each reply so far, in the order of the calls. Any thread.</summary>
    public IReadOnlyList<byte[]> Replies => _replies.ToArray();

    /// <summary>Whether replies are accepted; false acts as a connection that is closing.</summary>
    public bool AcceptsReplies
    {
        get => _replies.IsOpen;
        set => _replies.IsOpen = value;
    }

    /// <summary>Returns a batch of whole packets, numbered behind those of the batches before; release it after use.</summary>
    /// <exception cref="ArgumentException">The bytes are not one or more whole packets.</exception>
    public PacketBatch Batch(ReadOnlySpan<byte> packets)
    {
        PacketBatch batch = PacketBatch.Of(Unpooled.WrappedBuffer(packets.ToArray()), _header, _packets);
        _packets += batch.Count;
        return batch;
    }

    /// <summary>Processes packets as the server does: the batch is released when the processor returns.</summary>
    /// <exception cref="ArgumentException">The bytes are not one or more whole packets.</exception>
    public Task ProcessAsync(IPacketProcessor processor, ReadOnlySpan<byte> packets, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(processor);
        PacketBatch batch = Batch(packets);
        try
        {
            return processor.ProcessAsync(batch, Source, cancellationToken).AsTask();
        }
        finally
        {
            batch.Release();
        }
    }

    private sealed class RecordedReplies : IReplySink
    {
        private readonly List<byte[]> _replies = [];

        public bool IsOpen { get; set; } = true;

        public bool TrySend(ReadOnlySpan<byte> header, ReadOnlySpan<byte> body)
        {
            if (!IsOpen)
            {
                return false;
            }

            lock (_replies)
            {
                _replies.Add([.. header, .. body]);
                return true;
            }
        }

        public byte[][] ToArray()
        {
            lock (_replies)
            {
                return [.. _replies];
            }
        }
    }
}
