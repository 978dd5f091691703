using System.Text.Json.Serialization;

namespace DotNettyFraming.Benchmarks.Load;

/// <summary>An order to the load generator for one measurement: one line of JSON on its standard input.</summary>
/// <param name="Port">The server's port on the loopback.</param>
/// <param name="ProcessId">The server's process.</param>
[JsonDerivedType(typeof(SendOrder), "send")]
[JsonDerivedType(typeof(ConnectOrder), "connect")]
[JsonDerivedType(typeof(MemoryOrder), "memory")]
internal abstract record LoadOrder(int Port, int ProcessId);

/// <summary>The order to send a <see cref="Load.Workload"/>.</summary>
internal sealed record SendOrder(int Port, int ProcessId, Workload Workload, double Seconds) : LoadOrder(Port, ProcessId);

/// <summary>The order to connect, send one packet per connection, close, and await the server's close, in waves.</summary>
internal sealed record ConnectOrder(int Port, int ProcessId, double Seconds) : LoadOrder(Port, ProcessId);

/// <summary>The order to measure the memory of connections: idle, after 3 packets, after half a packet.</summary>
/// <param name="Port">The server's port.</param>
/// <param name="ProcessId">The server's process, new but for a warm-up: earlier memory would hide what connections need.</param>
/// <param name="Connections">Connections at a time.</param>
/// <param name="RestSeconds">The time from the last close to the measurement of released memory.</param>
internal sealed record MemoryOrder(int Port, int ProcessId, int Connections, double RestSeconds) : LoadOrder(Port, ProcessId);
