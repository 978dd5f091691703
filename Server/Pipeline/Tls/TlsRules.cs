using System.Net;
using System.Net.Security;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Server.Pipeline.Tls;

/// <summary>The settings of every connection's TLS. Thread-safe.</summary>
/// <param name="Options">Returns the options for a handshake that starts now.</param>
/// <param name="Logger">Where faults of peers go.</param>
/// <param name="Verify">Runs a step of a handshake, of the peer with this address, off the event loop; null where clients show no certificate.</param>
internal sealed record TlsRules(
    Func<SslServerAuthenticationOptions> Options, ILogger Logger, Action<IPAddress?, Action>? Verify = null);
