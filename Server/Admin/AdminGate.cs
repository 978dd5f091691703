using System.Net;
using Microsoft.AspNetCore.Http;

namespace DotNettyFraming.Server.Admin;

/// <summary>The address of the admin port, and the requests that it answers.</summary>
/// <param name="Endpoint">The address to listen on; port 0 picks a free one.</param>
/// <param name="Hosts">Host names that requests may be addressed to, next to loopback names and literal addresses.</param>
/// <param name="Profiles">The clients that may request profiles.</param>
internal sealed record AdminRules(IPEndPoint Endpoint, IReadOnlyList<string> Hosts, ProfileAccess Profiles);

/// <summary>Refuses requests by host name and originating page, and limits their rate.</summary>
/// <remarks>
/// <para>The port has no authentication: every client that reaches it can read everything. By default only this machine can.</para>
/// <para>A page of another site can make a browser send requests here. It cannot read the answers, because no CORS header is sent, and its
/// requests are recognised by <c>Origin</c> or <c>Referer</c>. Browsers send <c>Sec-Fetch-Site</c> only to loopback and over TLS.</para>
/// <para>With DNS rebinding (an attacker's name that resolves to this machine) that page has the same origin. So only literal addresses,
/// <c>localhost</c> and the names of <c>--admin-hosts</c> are answered.</para>
/// </remarks>
internal sealed class AdminGate(AdminRules rules, TimeProvider time)
{
    private readonly Pacing _pacing = new(AdminLimits.RequestsPerSecond, AdminLimits.RequestBurst, time);

    /// <summary>Refuses a request, or passes it on to the paths.</summary>
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
            await AdminEndpoints.RefuseAsync(context, StatusCodes.Status400BadRequest, Reason);
        }
        else if (IsFromAnotherSite(request))
        {
            await AdminEndpoints.RefuseAsync(context, StatusCodes.Status403Forbidden, "requests from pages of other sites are refused");
        }
        else if (request.Path.StartsWithSegments("/debug") && !MayProfile(context.Connection.RemoteIpAddress))
        {
            await AdminEndpoints.RefuseAsync(context, StatusCodes.Status403Forbidden, rules.Profiles == ProfileAccess.Off
                ? "profiles are off (--admin-profiles off)"
                : "profiles are for requests from this machine (--admin-profiles loopback)");
        }
        else
        {
            await paths.AnswerAsync(context);
        }
    }

    private static bool IsAddress(string host) => IPAddress.TryParse(host.AsSpan().Trim("[]"), out _);

    /// <summary>Returns whether the host is accepted; HTTP/1.0, which no browser uses, may omit it.</summary>
    private bool IsOurs(HostString host) => !host.HasValue || IsListed(host.Host)
        || host.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || IsAddress(host.Host);

    private bool IsListed(string host) => rules.Hosts.Contains(host, StringComparer.OrdinalIgnoreCase);

    /// <summary>Returns whether a page of another site sent the request; it may only link to the live page.</summary>
    private bool IsFromAnotherSite(HttpRequest request)
    {
        bool isPage = request.Path == "/" && HttpMethods.IsGet(request.Method);
        string site = request.Headers["Sec-Fetch-Site"].ToString();
        return IsForeign(request.Headers.Origin.ToString(), request)
            || (!isPage && IsForeign(request.Headers.Referer.ToString(), request))
            || (request.Path.StartsWithSegments("/debug") && site is not ("" or "none" or "same-origin"));
    }

    /// <summary>Returns whether an <c>Origin</c> or <c>Referer</c> names another site; a sandboxed page sends <c>null</c>.</summary>
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
