using System.IO.Compression;
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

/// <summary>One file of the live page, out of the assembly.</summary>
/// <remarks>Compressed when it is first asked for, and kept so: a server whose page nobody opens does neither. The largest, plotly.js, is
/// 1.1 MB, 0.4 MB compressed.</remarks>
internal sealed class PageFile
{
    private readonly string _resource;
    private readonly Lazy<byte[]> _compressed;

    /// <param name="name">Its name in this folder, or <c>plotly.js</c>.</param>
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

    /// <summary>What it is, for browsers: <c>nosniff</c> keeps them to it.</summary>
    public string ContentType { get; }

    /// <summary>gzip.</summary>
    public byte[] Compressed => _compressed.Value;

    /// <summary>Changes with the file: an entity tag, weak because compressed or not it is the same.</summary>
    /// <remarks>The compiler's own hash of the assembly that the file lies in; one of ours would load OpenSSL, 5 MiB, for this alone.</remarks>
    public static string Tag { get; } = $"W/\"{typeof(PageFile).Module.ModuleVersionId:N}\"";

    /// <summary>The file as it is.</summary>
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
