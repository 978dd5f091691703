using System.Net.Security;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Server.Pipeline.Tls;

/// <summary>What the TLS of every connection goes by. Any thread.</summary>
/// <param name="Options">What a handshake that begins now goes by.</param>
/// <param name="Logger">Where faults of peers go.</param>
internal sealed record TlsRules(
    Func<SslServerAuthenticationOptions> Options, ILogger Logger);
