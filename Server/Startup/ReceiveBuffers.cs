using DotNetty.Buffers;
using DotNetty.Transport.Channels;

namespace DotNettyFraming.Server.Startup;

/// <summary>Receive buffers of one size for DotNetty's socket transport; a full buffer is followed by another read.</summary>
/// <remarks>
/// DotNetty's own allocators read once per wake-up: they compare with <c>AttemptedBytesRead</c>, which its socket transport never
/// sets. <c>FixedRecvByteBufAllocator</c> gives all channels one handle, which has state.
/// </remarks>
internal sealed class ReceiveBuffers : IRecvByteBufAllocator
{
    /// <summary>The size of one receive: more costs cache misses, less costs calls.</summary>
    public const int BufferBytes = 64 * 1024;

    // For a connection that was paused after its read was scheduled: that read cannot be cancelled.
    private const int PausedBytes = 256;

    // Full receives of one channel before the next channel is read.
    private const int MaxReads = 4;

    public IRecvByteBufAllocatorHandle NewHandle() => new Handle();

    private sealed class Handle : IRecvByteBufAllocatorHandle
    {
        private IChannelConfiguration? _configuration;
        private int _reads;

        public int LastBytesRead { get; set; }

        public int AttemptedBytesRead { get; set; }

        public IByteBuffer Allocate(IByteBufferAllocator alloc)
        {
            int bytes = _configuration is { AutoRead: false } ? PausedBytes : BufferBytes;
            return alloc.HeapBuffer(bytes, bytes);
        }

        public int Guess() => BufferBytes;

        public void Reset(IChannelConfiguration config)
        {
            _configuration = config;
            _reads = 0;
        }

        public void IncMessagesRead(int numMessages) => _reads += numMessages;

        public bool ContinueReading() =>
            LastBytesRead == BufferBytes && _reads < MaxReads && _configuration is { AutoRead: true };

        public void ReadComplete()
        {
        }
    }
}
