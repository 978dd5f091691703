using DotNetty.Transport.Channels;

namespace DotNettyFraming.Server.Pipeline;

/// <summary>Sends bytes to a channel's socket, past the pipeline; returns the number that the kernel took.</summary>
internal delegate int TrySend(IChannel channel, ReadOnlySpan<byte> bytes);

/// <summary>The calls on a channel's socket that not every transport has.</summary>
/// <param name="TrySend">Sends past the pipeline; null if the transport cannot.</param>
/// <param name="ShutdownOutput">Sends a FIN while input is still read; null if the transport has no half-close.</param>
internal sealed record SocketCalls(TrySend? TrySend, Func<IChannel, Task>? ShutdownOutput)
{
    /// <summary>A transport without these calls.</summary>
    public static SocketCalls None { get; } = new(null, null);
}
