using DotNettyFraming.Server.Metrics;

namespace DotNettyFraming.Server.Pipeline;

/// <summary>The user event behind the last batch of a connection; <see cref="ProcessingHandler"/> then closes.</summary>
internal sealed record EndOfInput(CloseReason Reason);
