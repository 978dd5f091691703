using DotNettyFraming.Server.Metrics;

namespace DotNettyFraming.Server.Pipeline;

/// <summary>
/// The user event that travels down the pipeline behind the last batch of a connection: nothing will follow; finish what is
/// pending, then close. How an orderly end reaches <see cref="ProcessingHandler"/>, which alone closes then.
/// </summary>
/// <param name="Reason">Why reading ended.</param>
internal sealed record EndOfInput(CloseReason Reason);
