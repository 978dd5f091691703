using System.Globalization;
using DotNettyFraming.Server.Diagnostics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace DotNettyFraming.Server.Admin;

/// <summary>The paths of the admin port. All of them only read, and none takes anything but its path and query.</summary>
internal static class AdminEndpoints
{
    private static readonly string[] ReadingMethods = [HttpMethods.Get, HttpMethods.Head];

    /// <summary>Counters, and whether the server is well.</summary>
    /// <param name="routes">Where the paths are added.</param>
    /// <param name="counters">What happened since start.</param>
    /// <param name="life">Where the server is in its life.</param>
    public static void MapState(this IEndpointRouteBuilder routes, ServerCounters counters, ServerLife life)
    {
        routes.MapReading("/api/stats", context =>
            AnswerAsync(context, "application/json", StatisticsJson.Write(life.Uptime, counters.Named())));
        routes.MapReading("/health/live", context => AnswerAsync(context, "text/plain", "alive\n"u8.ToArray()));
        routes.MapReading("/health/ready", context =>
        {
            (int status, byte[] body) = life.Phase switch
            {
                ServerPhase.Serving => (StatusCodes.Status200OK, "ready\n"u8.ToArray()),
                ServerPhase.Draining => (StatusCodes.Status503ServiceUnavailable, "draining\n"u8.ToArray()),
                _ => (StatusCodes.Status503ServiceUnavailable, "not listening\n"u8.ToArray()),
            };
            context.Response.StatusCode = status;
            return AnswerAsync(context, "text/plain", body);
        });
    }

    /// <summary>What the live page draws.</summary>
    public static void MapLive(this IEndpointRouteBuilder routes, LiveJson live) => routes.MapReading("/api/live", context =>
    {
        string? after = context.Request.Query["after"];
        if (!long.TryParse(after ?? "0", NumberStyles.None, CultureInfo.InvariantCulture, out long number))
        {
            context.Response.StatusCode = StatusCodes.Status400BadRequest;
            return AnswerAsync(context, "text/plain", "after: is not the number of a sample\n"u8.ToArray());
        }

        return AnswerAsync(context, "application/json", live.Write(number, withPeers: context.Request.Query["peers"] != "no"));
    });

    /// <summary>A path that answers GET and HEAD.</summary>
    public static void MapReading(this IEndpointRouteBuilder routes, string path, RequestDelegate answer) =>
        routes.MapMethods(path, ReadingMethods, answer);

    /// <summary>Answers with a body that is whole; to HEAD Kestrel leaves it out.</summary>
    public static Task AnswerAsync(HttpContext context, string contentType, ReadOnlyMemory<byte> body)
    {
        context.Response.ContentType = $"{contentType}; charset=utf-8";
        context.Response.ContentLength = body.Length;
        return context.Response.Body.WriteAsync(body, context.RequestAborted).AsTask();
    }
}
