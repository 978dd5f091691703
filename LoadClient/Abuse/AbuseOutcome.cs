using DotNettyFraming.LoadClient.Measuring;

namespace DotNettyFraming.LoadClient.Abuse;

/// <summary>An attack, and how the ordinary connections fared.</summary>
/// <param name="Attack">How the hostile connections ended.</param>
/// <param name="Before">Write latency of the ordinary connections before it.</param>
/// <param name="During">The same while hostile connections came or were open.</param>
/// <param name="After">The same afterwards.</param>
internal sealed record AbuseOutcome(AbuseReport Attack, Latency Before, Latency During, Latency After);
