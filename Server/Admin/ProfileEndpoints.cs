using System.Globalization;
using System.Text;
using DotNettyFraming.Server.Profiling;
using Microsoft.AspNetCore.Http;

namespace DotNettyFraming.Server.Admin;

/// <summary>Memory profiles, as <c>go tool pprof http://HOST:PORT/debug/pprof/allocs?seconds=5</c> asks for them.</summary>
/// <remarks>One at a time: a recording takes some processor time, and the heap's stops the event loops for a moment. So only GET: HEAD is to cost nothing.</remarks>
internal static class ProfileEndpoints
{
    private const int DefaultSeconds = 5;

    /// <summary>Adds <c>/debug/pprof/allocs</c> and <c>/debug/pprof/heap</c>.</summary>
    public static void AddProfiles(this AdminPaths paths)
    {
        paths.AddCostly("/debug/pprof/allocs", async context =>
        {
            if (Seconds(context.Request) is not TimeSpan duration)
            {
                await RefuseAsync(context, StatusCodes.Status400BadRequest, $"seconds: is no integer from 1 to {AllocationProfile.Longest.TotalSeconds}");
                return;
            }

            await AnswerAsync(context, await AllocationProfile.RecordAsync(duration, context.RequestAborted));
        });
        paths.AddCostly("/debug/pprof/heap", async context => await AnswerAsync(context, await HeapProfile.WriteAsync(context.RequestAborted)));
    }

    private static TimeSpan? Seconds(HttpRequest request)
    {
        string? text = request.Query["seconds"];
        int seconds = DefaultSeconds;
        return (text is null || int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out seconds))
            && seconds > 0 && seconds <= AllocationProfile.Longest.TotalSeconds
                ? TimeSpan.FromSeconds(seconds)
                : null;
    }

    private static Task AnswerAsync(HttpContext context, ProfileResult result)
    {
        if (result.Outcome != ProfileOutcome.Written)
        {
            return RefuseAsync(context, StatusCodes.Status503ServiceUnavailable, result.Reason);
        }

        context.Response.ContentType = "application/octet-stream";
        context.Response.ContentLength = result.Profile.Length;
        return context.Response.Body.WriteAsync(result.Profile, context.RequestAborted).AsTask();
    }

    private static Task RefuseAsync(HttpContext context, int status, string reason)
    {
        context.Response.StatusCode = status;
        return AdminEndpoints.AnswerAsync(context, "text/plain", Encoding.UTF8.GetBytes(reason + "\n"));
    }
}
