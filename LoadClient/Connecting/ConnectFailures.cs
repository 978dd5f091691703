using System.Net.Sockets;
using System.Security.Authentication;
using DotNetty.Transport.Channels;
using DotNettyFraming.Hosting;

namespace DotNettyFraming.LoadClient.Connecting;

/// <summary>A count of failed connection attempts by reason. Any thread.</summary>
internal sealed class ConnectFailures
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, long> _byReason = [];

    public long Total
    {
        get
        {
            lock (_lock)
            {
                return _byReason.Values.Sum();
            }
        }
    }

    /// <summary>Returns the counts, the most frequent reason first; reasons are named as in <see cref="SocketError"/>.</summary>
    public IReadOnlyList<KeyValuePair<string, long>> ByReason()
    {
        lock (_lock)
        {
            return [.. _byReason.OrderByDescending(reason => reason.Value).ThenBy(reason => reason.Key, StringComparer.Ordinal)];
        }
    }

    public void Add(Exception exception)
    {
        string reason = ReasonOf(exception);
        lock (_lock)
        {
            _byReason[reason] = _byReason.GetValueOrDefault(reason) + 1;
        }
    }

    private static string ReasonOf(Exception exception) => exception switch
    {
        ConnectTimeoutException or TimeoutException => nameof(SocketError.TimedOut),
        SocketException socket => socket.SocketErrorCode.ToString(),
        AuthenticationException tls => $"TLS: {ControlCharacters.Escape(tls.Message)}",
        { InnerException: { } inner } => ReasonOf(inner),
        IOException handshake => $"TLS: {ControlCharacters.Escape(handshake.Message)}",
        _ => exception.GetType().Name,
    };
}
