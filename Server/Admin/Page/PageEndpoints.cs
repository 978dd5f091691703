using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace DotNettyFraming.Server.Admin.Page;

/// <summary>The live page at <c>/</c>, and what it loads. Its data is <c>/api/live</c>.</summary>
internal static class PageEndpoints
{
    /// <summary>Scripts, styles, data and pictures from here and nowhere else; nothing inline, no frames, no forms.</summary>
    /// <remarks>plotly.js would insert a style element of its own; <c>index.html</c> tells it not to, so styles need no exception. What it sets
    /// on elements goes through the object model, which a policy does not restrict.</remarks>
    private const string ContentSecurityPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    private static readonly string[] Assets =
        ["page.css", "page.js", "history.js", "figures.js", "charts.js", "tables.js", "text.js", "plotly.js", "icon.svg"];

    /// <summary>Adds the page's paths.</summary>
    public static void AddPage(this AdminPaths paths)
    {
        Add(paths, "/", new PageFile("index.html"));
        foreach (string name in Assets)
        {
            Add(paths, $"/page/{name}", new PageFile(name));
        }
    }

    private static void Add(AdminPaths paths, string path, PageFile file) => paths.Add(path, context => AnswerAsync(context, file));

    /// <summary>Browsers keep the files and ask each time whether they are still right, which a server of another version answers with no.</summary>
    private static async Task AnswerAsync(HttpContext context, PageFile file)
    {
        HttpResponse response = context.Response;
        IHeaderDictionary headers = response.Headers;
        headers.CacheControl = "no-cache";
        headers.ETag = PageFile.Tag;
        headers.Vary = "Accept-Encoding";
        headers.ContentSecurityPolicy = ContentSecurityPolicy;
        headers["Referrer-Policy"] = "no-referrer";
        if (Names(context.Request.Headers.IfNoneMatch, PageFile.Tag))
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }

        response.ContentType = file.ContentType;
        if (Names(context.Request.Headers.AcceptEncoding, "gzip"))
        {
            headers.ContentEncoding = "gzip";
            response.ContentLength = file.Compressed.Length;
            await response.Body.WriteAsync(file.Compressed, context.RequestAborted);
            return;
        }

        using Stream plain = file.Open();
        response.ContentLength = plain.Length;
        await plain.CopyToAsync(response.Body, context.RequestAborted);
    }

    /// <summary>Whether a list in a header has this in it. A browser's list says it plainly; <c>gzip;q=0</c>, which nobody sends, counts as no.</summary>
    private static bool Names(StringValues list, string item) =>
        list.ToString().Split(',', StringSplitOptions.TrimEntries).Contains(item, StringComparer.OrdinalIgnoreCase);
}
