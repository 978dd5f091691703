using System.Globalization;
using DotNettyFraming.Server.Metrics;
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

/// <summary>The paths of the admin port. All of them only read, and none takes anything but its path and query.</summary>
/// <remarks>Some fourteen, each exactly as it is written: ASP.NET Core's routing, made for patterns, and its host
/// took 3 MiB more.</remarks>
internal sealed class AdminPaths
{
    private readonly Dictionary<string, (RequestDelegate Answer, bool AnswersHead)> _paths = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Adds one that answers GET, and HEAD, for which Kestrel leaves the body out.</summary>
    public void Add(string path, RequestDelegate answer) => _paths.Add(path, (answer, true));

    /// <summary>Adds one that answers GET alone: even to begin with it costs something.</summary>
    public void AddCostly(string path, RequestDelegate answer) => _paths.Add(path, (answer, false));

    /// <summary>Answers a request, if only with 404 or 405.</summary>
    public Task AnswerAsync(HttpContext context)
    {
        string method = context.Request.Method;
        if (!_paths.TryGetValue(context.Request.Path.Value ?? "/", out (RequestDelegate Answer, bool AnswersHead) found))
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
        }
        else if (HttpMethods.IsGet(method) || (found.AnswersHead && HttpMethods.IsHead(method)))
        {
            return found.Answer(context);
        }
        else
        {
            context.Response.StatusCode = StatusCodes.Status405MethodNotAllowed;
            context.Response.Headers.Allow = found.AnswersHead ? "GET, HEAD" : "GET";
        }

        return Task.CompletedTask;
    }
}
