using System.Net;
using System.Net.Security;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Server.Pipeline.Tls;

/// <summary>The TLS settings of every connection. Thread-safe.</summary>
/// <param name="Options">Returns the options for a handshake that starts now.</param>
/// <param name="Logger">The log of peers' faults.</param>
/// <param name="Verify">Runs a step of a handshake off the event loop, given the peer's address; null without client certificates.</param>
internal sealed record TlsRules(
    Func<SslServerAuthenticationOptions> Options, ILogger Logger, Action<IPAddress?, Action>? Verify = null);
