using System.Globalization;
using DotNettyFraming.Server.Diagnostics;
using Microsoft.AspNetCore.Http;

namespace DotNettyFraming.Server.Admin;

/// <summary>What programs ask for: counters, health, and the live page's data.</summary>
internal static class AdminEndpoints
{
    /// <summary>Counters, and whether the server is well.</summary>
    /// <param name="paths">Where they are added.</param>
    /// <param name="counters">What happened since start.</param>
    /// <param name="life">Where the server is in its life.</param>
    public static void AddState(this AdminPaths paths, ServerCounters counters, ServerLife life)
    {
        paths.Add("/api/stats", context =>
            AnswerAsync(context, "application/json", StatisticsJson.Write(life.Uptime, counters.Named())));
        paths.Add("/health/live", context => AnswerAsync(context, "text/plain", "alive\n"u8.ToArray()));
        paths.Add("/health/ready", context =>
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
    public static void AddLive(this AdminPaths paths, LiveJson live) => paths.Add("/api/live", context =>
    {
        string? after = context.Request.Query["after"];
        if (!long.TryParse(after ?? "0", NumberStyles.None, CultureInfo.InvariantCulture, out long number))
        {
            context.Response.StatusCode = StatusCodes.Status400BadRequest;
            return AnswerAsync(context, "text/plain", "after: is not the number of a sample\n"u8.ToArray());
        }

        return AnswerAsync(context, "application/json", live.Write(number, withPeers: context.Request.Query["peers"] != "no"));
    });

    /// <summary>Answers with a body that is whole.</summary>
    public static Task AnswerAsync(HttpContext context, string contentType, ReadOnlyMemory<byte> body)
    {
        context.Response.ContentType = $"{contentType}; charset=utf-8";
        context.Response.ContentLength = body.Length;
        return context.Response.Body.WriteAsync(body, context.RequestAborted).AsTask();
    }
}
