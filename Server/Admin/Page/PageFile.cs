using System.IO.Compression;

namespace DotNettyFraming.Server.Admin.Page;

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
