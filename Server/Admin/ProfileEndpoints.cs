using System.Globalization;
using DotNettyFraming.Server.Profiling;
using Microsoft.AspNetCore.Http;

namespace DotNettyFraming.Server.Admin;

/// <summary>Memory profiles for <c>go tool pprof http://HOST:PORT/debug/pprof/allocs?seconds=5</c>, one at a time.</summary>
/// <remarks>
/// A heap profile stops the event loops while it counts. The next one is refused for ten times the time that it took, so that endless
/// requests take at most a tenth of a core. HEAD is not answered, because it must be cheap.
/// </remarks>
internal static class ProfileEndpoints
{
    private const int DefaultSeconds = 5;

    /// <summary>The pause after a heap profile, as a multiple of the time that it took.</summary>
    private const int PauseFactor = 10;

    /// <summary>Adds <c>/debug/pprof/allocs</c> and <c>/debug/pprof/heap</c>.</summary>
    public static void AddProfiles(this AdminPaths paths, TimeProvider time)
    {
        long pauseEnd = long.MinValue;
        paths.AddCostly("/debug/pprof/allocs", async context =>
        {
            if (Seconds(context.Request) is not TimeSpan duration)
            {
                string range = $"from 1 to {AllocationProfile.Longest.TotalSeconds}";
                await AdminEndpoints.RefuseAsync(context, StatusCodes.Status400BadRequest, $"seconds: is no integer {range}");
                return;
            }

            await AnswerAsync(context, await AllocationProfile.RecordAsync(duration, context.RequestAborted));
        });
        paths.AddCostly("/debug/pprof/heap", async context =>
        {
            long start = time.GetTimestamp();
            if (Volatile.Read(ref pauseEnd) > start)
            {
                double seconds = Math.Ceiling(time.GetElapsedTime(start, Volatile.Read(ref pauseEnd)).TotalSeconds);
                context.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
                string reason = $"a heap profile was made just now; the next is possible in {seconds} s";
                await AdminEndpoints.RefuseAsync(context, StatusCodes.Status503ServiceUnavailable, reason);
                return;
            }

            ProfileResult? result = null;
            try
            {
                result = await HeapProfile.WriteAsync(context.RequestAborted);
            }
            finally
            {
                if (result?.Outcome != ProfileOutcome.Busy)
                {
                    long end = time.GetTimestamp();
                    Volatile.Write(ref pauseEnd, end + (PauseFactor * (end - start)));
                }
            }

            await AnswerAsync(context, result);
        });
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
            return AdminEndpoints.RefuseAsync(context, StatusCodes.Status503ServiceUnavailable, result.Reason);
        }

        context.Response.ContentType = "application/octet-stream";
        context.Response.ContentLength = result.Profile.Length;
        return context.Response.Body.WriteAsync(result.Profile, context.RequestAborted).AsTask();
    }
}
