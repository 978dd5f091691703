using System.Text.Json.Serialization;

namespace DotNettyFraming.Benchmarks.Load;

/// <summary>One measurement that the load generator is asked for: a line of JSON on its standard input.</summary>
/// <param name="Port">The server's port on the loopback.</param>
/// <param name="ProcessId">The server's process, whose accounts are read.</param>
[JsonDerivedType(typeof(SendOrder), "send")]
[JsonDerivedType(typeof(ConnectOrder), "connect")]
[JsonDerivedType(typeof(MemoryOrder), "memory")]
internal abstract record LoadOrder(int Port, int ProcessId);

/// <summary>Send a <see cref="Load.Workload"/>.</summary>
/// <param name="Port">The server's port.</param>
/// <param name="ProcessId">The server's process.</param>
/// <param name="Workload">What to send.</param>
/// <param name="Seconds">How long.</param>
internal sealed record SendOrder(int Port, int ProcessId, Workload Workload, double Seconds) : LoadOrder(Port, ProcessId);

/// <summary>Make connections, one wave after another: each sends one packet and is closed, and its close by the server awaited.</summary>
/// <param name="Port">The server's port.</param>
/// <param name="ProcessId">The server's process.</param>
/// <param name="Seconds">How long.</param>
internal sealed record ConnectOrder(int Port, int ProcessId, double Seconds) : LoadOrder(Port, ProcessId);

/// <summary>Look at what connections cost in memory: idle ones, ones that sent 3 packets, ones that sent half a packet.</summary>
/// <param name="Port">The server's port.</param>
/// <param name="ProcessId">The server's process, fresh but for a warm-up: memory once taken would hide what is taken now.</param>
/// <param name="Connections">Connections at a time.</param>
/// <param name="RestSeconds">How long to wait after all have closed before looking at what came back.</param>
internal sealed record MemoryOrder(int Port, int ProcessId, int Connections, double RestSeconds) : LoadOrder(Port, ProcessId);
