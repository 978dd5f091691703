using DotNetty.Buffers;
using DotNetty.Transport.Channels;

namespace DotNettyFraming.Server.Startup;

/// <summary>Receive buffers for DotNetty's socket transport: of one size, and read again while they come back full.</summary>
/// <remarks>
/// DotNetty's own allocators read once a wake-up, whatever waits: they compare with <c>AttemptedBytesRead</c>, which its socket
/// transport never sets. And <c>FixedRecvByteBufAllocator</c> gives all channels the same handle, which has state.
/// </remarks>
internal sealed class ReceiveBuffers : IRecvByteBufAllocator
{
    /// <summary>One receive: more would cost cache misses, less would cost calls.</summary>
    public const int BufferBytes = 64 * 1024;

    /// <summary>One receive of a connection that was paused after its read was scheduled, which cannot be taken back: as little as possible.</summary>
    private const int PausedBytes = 256;

    /// <summary>Full receives of one channel before the next channel gets its turn.</summary>
    private const int MostReads = 4;

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
            LastBytesRead == BufferBytes && _reads < MostReads && _configuration is { AutoRead: true };

        public void ReadComplete()
        {
        }
    }
}
