using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.HostFiltering;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace DotNettyFraming.Server.Admin;

/// <summary>What stands before every path: the pace of requests, whom they are addressed to, and what browsers may do with answers.</summary>
/// <remarks>
/// <para>There is no authentication, so the port is for those who may read it all; by default that is this machine.</para>
/// <para>Pages of other origins can make a browser here send requests, but read no answer: no CORS header is ever given, and nothing changes
/// by being asked. What stops the server for a moment, a profile, is refused to them (<c>Sec-Fetch-Site</c>, which no script can set).</para>
/// <para>DNS rebinding would make them the same origin (a name of theirs that leads to 127.0.0.1), so on a loopback address only requests to a
/// loopback name are answered; a proxy in front has to set <c>Host</c>. On any other address the names by which it is reached
/// are not ours to know, and every <c>Host</c> is answered.</para>
/// </remarks>
internal static class AdminGate
{
    private static readonly string[] LoopbackNames = ["localhost", "127.0.0.1", "[::1]"];

    /// <summary>The service behind <see cref="UseGate"/>.</summary>
    public static IServiceCollection AddGate(this IServiceCollection services, IPEndPoint endpoint) => services.Configure<HostFilteringOptions>(hosts =>
    {
        hosts.AllowedHosts = IPAddress.IsLoopback(endpoint.Address) ? [.. LoopbackNames, NameOf(endpoint.Address)] : ["*"];
        hosts.AllowEmptyHosts = true; // HTTP/1.0, which no browser speaks
        hosts.IncludeFailureMessage = false;
    });

    /// <summary>Comes first.</summary>
    public static void UseGate(this IApplicationBuilder app, TimeProvider time)
    {
        var pacing = new Pacing(AdminLimits.RequestsPerSecond, AdminLimits.RequestBurst, time);
        app.Use(async (HttpContext context, RequestDelegate next) =>
        {
            await pacing.TurnAsync(context.RequestAborted);
            IHeaderDictionary headers = context.Response.Headers;
            headers.CacheControl = "no-store";
            headers.XContentTypeOptions = "nosniff";
            headers["Cross-Origin-Resource-Policy"] = "same-origin";
            if (context.Request.Path.StartsWithSegments("/debug") && IsFromAnotherSite(context.Request))
            {
                context.Response.StatusCode = StatusCodes.Status403Forbidden;
                await AdminEndpoints.AnswerAsync(context, "text/plain", "a profile is not for pages of other sites\n"u8.ToArray());
                return;
            }

            await next(context);
        });
        app.UseHostFiltering();
    }

    /// <summary>Whether a browser says that a page of elsewhere wants it; other programs say nothing.</summary>
    private static bool IsFromAnotherSite(HttpRequest request) =>
        request.Headers["Sec-Fetch-Site"].ToString() is not ("" or "none" or "same-origin");

    private static string NameOf(IPAddress address) =>
        address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6 ? $"[{address}]" : address.ToString();
}
