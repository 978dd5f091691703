using System.IO.Compression;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace DotNettyFraming.Server.Admin.Page;

/// <summary>The live page at <c>/</c>, and its files. Its data is <c>/api/live</c>.</summary>
internal static class PageEndpoints
{
    /// <summary>Allows scripts, styles, data and images from this origin only; nothing inline, no frames, no forms.</summary>
    /// <remarks><c>index.html</c> keeps plotly.js from inserting a style element, so styles need no exception.</remarks>
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

    /// <summary>Answers with a file. Browsers cache it and revalidate, so another version of the server replaces it.</summary>
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

    /// <summary>Returns whether a header's list contains an item; <c>gzip;q=0.5</c> does not count as <c>gzip</c>.</summary>
    private static bool Names(StringValues list, string item) =>
        list.ToString().Split(',', StringSplitOptions.TrimEntries).Contains(item, StringComparer.OrdinalIgnoreCase);
}

/// <summary>One file of the live page, a resource of the assembly.</summary>
/// <remarks>It is compressed at its first request, and kept. The largest, plotly.js, has 1.1 MB, 0.4 MB compressed.</remarks>
internal sealed class PageFile
{
    private readonly string _resource;
    private readonly Lazy<byte[]> _compressed;

    /// <summary>Creates the file of this name in the folder, or <c>plotly.js</c>.</summary>
    public PageFile(string name)
    {
        _resource = $"Page/{name}";
        ContentType = Path.GetExtension(name) switch
        {
            ".html" => "text/html; charset=utf-8",
            ".css" => "text/css; charset=utf-8",
            ".js" => "text/javascript; charset=utf-8",
            ".svg" => "image/svg+xml",
            string other => throw new ArgumentException($"no content type for {other}", nameof(name)),
        };
        _compressed = new Lazy<byte[]>(Compress);
    }

    /// <summary>The media type.</summary>
    public string ContentType { get; }

    /// <summary>The content, compressed with gzip.</summary>
    public byte[] Compressed => _compressed.Value;

    /// <summary>The entity tag, from the compiler's hash of the assembly; weak, because compressed or not it is the same.</summary>
    /// <remarks>Computing a hash would load OpenSSL, 5 MiB.</remarks>
    public static string Tag { get; } = $"W/\"{typeof(PageFile).Module.ModuleVersionId:N}\"";

    /// <summary>Opens the content.</summary>
    public Stream Open() => typeof(PageFile).Assembly.GetManifestResourceStream(_resource) ?? throw new FileNotFoundException(_resource);

    private byte[] Compress()
    {
        using Stream file = Open();
        var bytes = new MemoryStream();
        using (var gzip = new GZipStream(bytes, CompressionLevel.Optimal))
        {
            file.CopyTo(gzip);
        }

        return bytes.ToArray();
    }
}
