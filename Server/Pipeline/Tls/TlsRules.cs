using System.Net.Security;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Server.Pipeline.Tls;

/// <summary>What the TLS of every connection goes by. Any thread.</summary>
/// <param name="Options">What a handshake that begins now goes by.</param>
/// <param name="HandshakeTimeout">How long a handshake may take, from when the connection is accepted.</param>
/// <param name="Time">Measures it.</param>
/// <param name="Logger">Where faults of peers go.</param>
internal sealed record TlsRules(
    Func<SslServerAuthenticationOptions> Options, TimeSpan HandshakeTimeout, TimeProvider Time, ILogger Logger);
