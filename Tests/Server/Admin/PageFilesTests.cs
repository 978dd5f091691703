using System.Net;
using System.Text.RegularExpressions;
using DotNettyFraming.Server.Admin.Page;
using DotNettyFraming.Tests.Harness;

namespace DotNettyFraming.Tests.Server.Admin;

/// <summary>The live page's files over HTTP, and their content security policy.</summary>
[CancelAfter(60_000)]
public sealed partial class PageFilesTests
{
    private ProgramRun? _server;
    private HttpClient? _http;

    [OneTimeSetUp]
    public async Task Start()
    {
        (_server, _, Uri admin) = await ProgramRun.StartWithAdminAsync();
        _http = new HttpClient { BaseAddress = admin, Timeout = Peer.Patience };
    }

    [OneTimeTearDown]
    public void Stop()
    {
        _http?.Dispose();
        _server?.Dispose();
    }

    [TestCase("", "text/html")]
    [TestCase("page/page.css", "text/css")]
    [TestCase("page/page.js", "text/javascript")]
    [TestCase("page/plotly.js", "text/javascript")]
    [TestCase("page/icon.svg", "image/svg+xml")]
    public async Task File_is_the_same_compressed_and_is_cached(string path, string contentType)
    {
        using HttpResponseMessage plain = await GetAsync(path);
        using HttpResponseMessage compressed = await GetAsync(path, ("Accept-Encoding", "gzip, br"));
        using HttpResponseMessage again = await GetAsync(path, ("If-None-Match", $"{plain.Headers.ETag}"));

        byte[] bytes = await plain.Content.ReadAsByteArrayAsync();
        await using var unpacked = new System.IO.Compression.GZipStream(
            await compressed.Content.ReadAsStreamAsync(), System.IO.Compression.CompressionMode.Decompress);
        var copy = new MemoryStream();
        await unpacked.CopyToAsync(copy);
        Assert.Multiple(() =>
        {
            Assert.That(plain.StatusCode, Is.EqualTo(HttpStatusCode.OK));
            Assert.That(plain.Content.Headers.ContentType!.MediaType, Is.EqualTo(contentType));
            Assert.That(plain.Content.Headers.ContentEncoding, Is.Empty);
            Assert.That(compressed.Content.Headers.ContentEncoding, Is.EqualTo(new[] { "gzip" }));
            Assert.That(copy.ToArray(), Is.EqualTo(bytes));
            Assert.That(again.StatusCode, Is.EqualTo(HttpStatusCode.NotModified));
            Assert.That($"{plain.Headers.CacheControl}", Is.EqualTo("no-cache"));
            Assert.That(
                plain.Headers.GetValues("Content-Security-Policy").Single(),
                Does.StartWith("default-src 'none'").And.Not.Contains("unsafe"));
        });
    }

    [Test]
    public async Task Every_file_that_the_page_names_exists()
    {
        string html = await _http!.GetStringAsync("");
        string script = string.Concat(await Task.WhenAll(
            new[] { "page", "history", "figures", "charts", "tables", "text" }.Select(name => _http!.GetStringAsync($"page/{name}.js"))));
        IEnumerable<string> named = Address().Matches(html).Select(match => match.Groups[1].Value)
            .Concat(Import().Matches(script).Select(match => $"page/{match.Groups[1].Value}")).Distinct();

        foreach (string path in named)
        {
            using HttpResponseMessage answer = await GetAsync(path);
            Assert.That(answer.IsSuccessStatusCode, path);
        }
    }

    [Test]
    public void Charts_package_is_not_next_to_the_server() =>
        Assert.That(
            Directory.EnumerateFiles(Path.GetDirectoryName(Repository.Program("Server"))!, "*", SearchOption.AllDirectories)
                .Select(file => Path.GetFileName(file))
                .Where(name => name.Contains("Plotly", StringComparison.Ordinal) || name.Contains("Blazor", StringComparison.Ordinal)),
            Is.Empty);

    [Test]
    public void Unknown_kind_of_file_is_a_bug() => Assert.That(() => new PageFile("page.exe"), Throws.ArgumentException);

    private async Task<HttpResponseMessage> GetAsync(string path, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        foreach ((string name, string value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        return await _http!.SendAsync(request);
    }

    [GeneratedRegex("(?:href|src)=\"([^\"#]+)\"")]
    private static partial Regex Address();

    [GeneratedRegex("from '\\./([a-z.]+)'")]
    private static partial Regex Import();
}
