using System.Net;
using Microsoft.AspNetCore.Http;

namespace DotNettyFraming.Server.Admin;

/// <summary>Where the admin port listens and what it answers to.</summary>
/// <param name="Endpoint">Where to listen; port 0 picks a free one.</param>
/// <param name="Hosts">Host names that requests may be addressed to, besides loopback names and literal addresses.</param>
/// <param name="Profiles">From where profiles may be requested.</param>
internal sealed record AdminRules(IPEndPoint Endpoint, IReadOnlyList<string> Hosts, ProfileAccess Profiles);

/// <summary>From where profiles may be requested: <c>--admin-profiles</c>.</summary>
internal enum ProfileAccess
{
    /// <summary>From this machine.</summary>
    Loopback,

    /// <summary>From any machine that reaches the port.</summary>
    Any,

    /// <summary>From nowhere.</summary>
    Off,
}

/// <summary>Decides before every path whether a request is answered: its host, the page that it comes from, its pace.</summary>
/// <remarks>
/// <para>There is no authentication, so everyone who reaches the port can read everything; by default that is this machine.</para>
/// <para>A page of another site can make a browser send requests here. It cannot read the answers, as no CORS header is ever sent, and
/// <c>Origin</c> or <c>Referer</c> gives it away. Browsers send <c>Sec-Fetch-Site</c> only to loopback addresses and over TLS.</para>
/// <para>With DNS rebinding (a name of the attacker's that resolves to this machine) the page would be of the same origin. So only literal
/// addresses, <c>localhost</c> and the names of <c>--admin-hosts</c> are answered.</para>
/// </remarks>
internal sealed class AdminGate(AdminRules rules, TimeProvider time)
{
    private readonly Pacing _pacing = new(AdminLimits.RequestsPerSecond, AdminLimits.RequestBurst, time);

    /// <summary>Answers a request through the paths, or refuses it.</summary>
    public async Task AnswerAsync(HttpContext context, AdminPaths paths)
    {
        HttpRequest request = context.Request;
        IHeaderDictionary headers = context.Response.Headers;
        headers.CacheControl = "no-store";
        headers.XContentTypeOptions = "nosniff";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        if (AdminLimits.IsHealth(request.Path.Value))
        {
            headers.Connection = context.Features.Get<IHealthConnection>() is null ? default : "close";
        }
        else
        {
            await _pacing.TurnAsync(context.RequestAborted);
        }

        if (!IsOurs(request.Host))
        {
            const string Reason = "the host name is neither an address, nor localhost, nor one of --admin-hosts";
            await RefuseAsync(context, StatusCodes.Status400BadRequest, Reason);
        }
        else if (IsFromAnotherSite(request))
        {
            await RefuseAsync(context, StatusCodes.Status403Forbidden, "requests from pages of other sites are refused");
        }
        else if (request.Path.StartsWithSegments("/debug") && !MayProfile(context.Connection.RemoteIpAddress))
        {
            await RefuseAsync(context, StatusCodes.Status403Forbidden, rules.Profiles == ProfileAccess.Off
                ? "profiles are off (--admin-profiles off)"
                : "profiles are for requests from this machine (--admin-profiles loopback)");
        }
        else
        {
            await paths.AnswerAsync(context);
        }
    }

    private static Task RefuseAsync(HttpContext context, int status, string reason)
    {
        context.Response.StatusCode = status;
        return AdminEndpoints.AnswerAsync(context, "text/plain", System.Text.Encoding.UTF8.GetBytes(reason + "\n"));
    }

    private static bool IsAddress(string host) => IPAddress.TryParse(host.AsSpan().Trim("[]"), out _);

    /// <summary>HTTP/1.0, which no browser speaks, may leave the host out.</summary>
    private bool IsOurs(HostString host) => !host.HasValue || IsListed(host.Host)
        || host.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || IsAddress(host.Host);

    private bool IsListed(string host) => rules.Hosts.Contains(host, StringComparer.OrdinalIgnoreCase);

    /// <summary>Links to the live page may be followed from anywhere; everything else is for the page itself and for programs.</summary>
    private bool IsFromAnotherSite(HttpRequest request)
    {
        bool isPage = request.Path == "/" && HttpMethods.IsGet(request.Method);
        string site = request.Headers["Sec-Fetch-Site"].ToString();
        return IsForeign(request.Headers.Origin.ToString(), request)
            || (!isPage && IsForeign(request.Headers.Referer.ToString(), request))
            || (request.Path.StartsWithSegments("/debug") && site is not ("" or "none" or "same-origin"));
    }

    /// <summary>Whether an <c>Origin</c> or a <c>Referer</c> names another site than this; a sandboxed page's <c>null</c> does.</summary>
    private bool IsForeign(string source, HttpRequest request) => source.Length > 0
        && !(Uri.TryCreate(source, UriKind.Absolute, out Uri? uri)
            && (IsListed(uri.Host) || IsSame(uri, request.Host)));

    private static bool IsSame(Uri uri, HostString host) =>
        uri.Host.Equals(host.Host, StringComparison.OrdinalIgnoreCase) && (host.Port is { } port ? uri.Port == port : uri.IsDefaultPort);

    private bool MayProfile(IPAddress? peer) => rules.Profiles switch
    {
        ProfileAccess.Any => true,
        ProfileAccess.Loopback => peer is not null && IPAddress.IsLoopback(peer.IsIPv4MappedToIPv6 ? peer.MapToIPv4() : peer),
        _ => false,
    };
}
