using System.Net;
using DotNettyFraming.Server;
using DotNettyFraming.Server.Admin;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Time.Testing;

namespace DotNettyFraming.Tests.Server.Admin;

public sealed class AdminGateTests
{
    private const string Loopback = "127.0.0.1";
    private const string Elsewhere = "192.0.2.7";

    [TestCase("localhost", 200)]
    [TestCase("LOCALHOST:9998", 200)]
    [TestCase("127.0.0.1:9998", 200)]
    [TestCase("10.1.2.3:9998", 200)]
    [TestCase("[2001:db8::1]:9998", 200)]
    [TestCase("framing.example", 200)]
    [TestCase("Framing.Example:9998", 200)]
    [TestCase("", 200, Description = "HTTP/1.0")]
    [TestCase("evil.example", 400)]
    [TestCase("10.1.2.3.evil.example", 400)]
    [TestCase("localhost.evil.example", 400)]
    public async Task Host_is_an_address_localhost_or_listed(string host, int expected) =>
        Assert.That(await AskAsync("/api/stats", host), Is.EqualTo(expected));

    [TestCase("/api/stats", "Origin", "http://evil.example", 403)]
    [TestCase("/api/stats", "Origin", "null", 403)]
    [TestCase("/api/stats", "Origin", "http://localhost:3000", 403, Description = "another program's page")]
    [TestCase("/api/stats", "Origin", "http://localhost:9998", 200)]
    [TestCase("/api/stats", "Origin", "http://localhost", 403, Description = "port 80")]
    [TestCase("/api/stats", "Origin", "https://framing.example", 200)]
    [TestCase("/api/stats", "Referer", "http://evil.example/page", 403)]
    [TestCase("/api/stats", "Referer", "http://localhost:9998/", 200)]
    [TestCase("/debug/pprof/heap", "Referer", "http://evil.example/page", 403)]
    [TestCase("/debug/pprof/heap", "Origin", "http://evil.example", 403)]
    [TestCase("/debug/pprof/heap", "Sec-Fetch-Site", "cross-site", 403)]
    [TestCase("/health/live", "Origin", "http://evil.example", 403)]
    [TestCase("/", "Referer", "http://wiki.example/", 200, Description = "a link to the page")]
    [TestCase("/", "Origin", "http://evil.example", 403)]
    public async Task Pages_of_other_sites_are_refused(string path, string header, string value, int expected) =>
        Assert.That(await AskAsync(path, "localhost:9998", Loopback, header: (header, value)), Is.EqualTo(expected));

    [TestCase("loopback", "127.0.0.1", 200)]
    [TestCase("loopback", "127.0.0.9", 200)]
    [TestCase("loopback", "::1", 200)]
    [TestCase("loopback", "::ffff:127.0.0.2", 200)]
    [TestCase("loopback", "192.0.2.7", 403)]
    [TestCase("any", "192.0.2.7", 200)]
    [TestCase("off", "127.0.0.1", 403)]
    public async Task Profiles_follow_the_option(string profiles, string peer, int expected)
    {
        ProfileAccess access = Enum.Parse<ProfileAccess>(profiles, ignoreCase: true);

        Assert.That(await AskAsync("/debug/pprof/heap", "localhost", peer, access), Is.EqualTo(expected));
        Assert.That(await AskAsync("/api/stats", "localhost", peer, access), Is.EqualTo(200));
    }

    [Test]
    public async Task Health_never_waits()
    {
        var gate = NewGate(ProfileAccess.Loopback);
        for (int i = 0; i < 1000; i++)
        {
            Assert.That(gate.AnswerAsync(Request("/health/live", "localhost", Elsewhere), NewPaths()).IsCompletedSuccessfully, Is.True);
        }

        Task[] others =
        [
            .. Enumerable.Range(0, 101).Select(_ => gate.AnswerAsync(Request("/api/stats", "localhost", Elsewhere), NewPaths())),
        ];

        Assert.That(others.Count(answer => answer.IsCompleted), Is.EqualTo(100), "the burst");
    }

    private static AdminGate NewGate(ProfileAccess profiles) =>
        new(new AdminRules(new IPEndPoint(IPAddress.Any, 9998), ["framing.example"], profiles), new FakeTimeProvider());

    private static AdminPaths NewPaths()
    {
        var paths = new AdminPaths();
        foreach (string path in new[] { "/", "/api/stats", "/health/live", "/debug/pprof/heap" })
        {
            paths.Add(path, context => Task.CompletedTask);
        }

        return paths;
    }

    private static DefaultHttpContext Request(string path, string host, string peer, (string Name, string Value)? header = null)
    {
        var context = new DefaultHttpContext();
        context.Request.Method = "GET";
        context.Request.Path = path;
        context.Request.Host = new HostString(host);
        context.Connection.RemoteIpAddress = IPAddress.Parse(peer);
        if (header is (string name, string value))
        {
            context.Request.Headers[name] = value;
        }

        return context;
    }

    private static async Task<int> AskAsync(
        string path,
        string host,
        string peer = Elsewhere,
        ProfileAccess profiles = ProfileAccess.Loopback,
        (string Name, string Value)? header = null)
    {
        DefaultHttpContext context = Request(path, host, peer, header);
        await NewGate(profiles).AnswerAsync(context, NewPaths());
        return context.Response.StatusCode;
    }
}
