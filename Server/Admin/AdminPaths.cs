using Microsoft.AspNetCore.Http;

namespace DotNettyFraming.Server.Admin;

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
