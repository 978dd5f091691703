using System.Globalization;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using StackExchange.Redis;

namespace DotNettyFraming.Server.Forwarding;

/// <summary>What the options say about forwarding.</summary>
internal sealed record ForwardRules
{
    /// <summary>The servers.</summary>
    public required ForwardUrl Url { get; init; }

    /// <summary>The stream's name in front of the node.</summary>
    public required string Stream { get; init; }

    /// <summary>The file of the password; null if there is none. Read for each connection.</summary>
    public string? PasswordFile { get; init; }

    /// <summary>The file of the CAs that may sign a server's certificate, PEM; null for those of the system.</summary>
    public string? CaFile { get; init; }

    /// <summary>The replicas that confirm an entry before it counts as forwarded.</summary>
    public int Replicas { get; init; }

    /// <summary>The age at which entries are trimmed; zero is never.</summary>
    public TimeSpan Keep { get; init; }

    /// <summary>Returns the settings of a connection; reads the files.</summary>
    /// <param name="refused">Receives why a server's certificate is refused.</param>
    /// <exception cref="IOException">A file cannot be read; so can other exceptions of files and certificates.</exception>
    public ConfigurationOptions Configure(Action<string>? refused = null)
    {
        const int ConnectMilliseconds = 5000, ReplyMilliseconds = 10_000;
        var options = new ConfigurationOptions
        {
            ClientName = "DotNettyFraming.Server",
            User = Url.User,
            Password = PasswordFile is null ? null : File.ReadAllText(PasswordFile).TrimEnd('\r', '\n'),
            Ssl = Url.Tls,
            AllowAdmin = true, // for INFO
            AbortOnConnectFail = true, // the forwarder connects again, with its own back-off
            ConnectRetry = 1,
            ReconnectRetryPolicy = new LinearRetry(100), // the default waits for half the time-out after a refused attempt
            HeartbeatInterval = TimeSpan.FromMilliseconds(250),
            ConnectTimeout = ConnectMilliseconds,
            AsyncTimeout = ReplyMilliseconds,
            SyncTimeout = ReplyMilliseconds,
            BacklogPolicy = BacklogPolicy.FailFast,
            ConfigurationChannel = "",
            TieBreaker = "",
            IncludeDetailInExceptions = false,
        };
        foreach ((string host, int port) in Url.Hosts)
        {
            options.EndPoints.Add(host, port);
        }

        if (Url.Tls)
        {
            X509ChainPolicy policy = ReadPolicy();
            options.SslClientAuthenticationOptions = host =>
                new SslClientAuthenticationOptions { TargetHost = host, CertificateChainPolicy = policy.Clone() };
            options.CertificateValidation += (_, certificate, chain, errors) =>
            {
                if (errors != SslPolicyErrors.None)
                {
                    refused?.Invoke(WhyRefused(certificate, chain, errors));
                }

                return errors == SslPolicyErrors.None;
            };
        }

        return options;
    }

    /// <summary>Reads the CAs. The check of a certificate fetches nothing.</summary>
    private X509ChainPolicy ReadPolicy()
    {
        var policy = new X509ChainPolicy { RevocationMode = X509RevocationMode.NoCheck, DisableCertificateDownloads = true };
        if (CaFile is not null)
        {
            policy.TrustMode = X509ChainTrustMode.CustomRootTrust;
            policy.CustomTrustStore.ImportFromPemFile(CaFile);
            if (policy.CustomTrustStore.Count == 0)
            {
                throw new CryptographicException($"'{CaFile}' has no certificate");
            }
        }

        return policy;
    }

    private string WhyRefused(X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        string server = $"the Redis server's certificate, {certificate?.Subject},";
        return errors.HasFlag(SslPolicyErrors.RemoteCertificateNotAvailable) ? "the Redis server has no certificate"
            : errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch) ? $"{server} is for another host than --forward names"
            : $"{server} is not accepted by {(CaFile is null ? "this system's CAs" : $"--forward-ca '{CaFile}'")}: "
                + chain?.ChainStatus.FirstOrDefault().StatusInformation;
    }
}

/// <summary>The servers of <c>--forward</c>: <c>redis://[user@]host:port[,host:port…]</c>.</summary>
/// <param name="Tls">Whether the scheme is <c>rediss</c>.</param>
/// <param name="User">The user; null for the default one.</param>
/// <param name="Hosts">The servers; one is enough to find the others of a cluster.</param>
internal sealed record ForwardUrl(bool Tls, string? User, IReadOnlyList<(string Host, int Port)> Hosts)
{
    /// <summary>Parses a URL. The error never quotes it, as it may have a password.</summary>
    /// <returns>The URL; null if there is an error.</returns>
    public static ForwardUrl? Parse(string text, out string error)
    {
        error = "is not redis://[user@]host:port[,host:port…] or rediss://…";
        string[] parts = text.Split("://", 2);
        string rest = parts[^1];
        int at = rest.LastIndexOf('@');
        string? user = at < 0 ? null : rest[..at];
        if (user is not null && user.Contains(':', StringComparison.Ordinal))
        {
            error = "has a password, which other users of this machine can see; use --forward-password-file";
            return null;
        }

        var hosts = new List<(string, int)>();
        foreach (string server in rest[(at + 1)..].Split(','))
        {
            int colon = server.LastIndexOf(':');
            string host = colon < 0 ? "" : server[..colon];
            host = host is ['[', .. var address, ']'] ? address : host;
            if (Uri.CheckHostName(host) == UriHostNameType.Unknown
                || !ushort.TryParse(server.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out ushort port)
                || port == 0)
            {
                return null;
            }

            hosts.Add((host, port));
        }

        return parts is ["redis" or "rediss", _] && user != "" ? new ForwardUrl(parts[0] == "rediss", user, hosts) : null;
    }

    public override string ToString() => string.Join(',', Hosts.Select(server => $"{server.Host}:{server.Port}"));
}
