using DotNettyFraming.Server.Admin;
using Microsoft.AspNetCore.Http;

namespace DotNettyFraming.Tests.Server.Admin;

public sealed class AdminPathsTests
{
    [TestCase("GET", "/plain", 200, "")]
    [TestCase("HEAD", "/plain", 200, "")]
    [TestCase("GET", "/costly", 200, "")]
    [TestCase("HEAD", "/costly", 405, "GET")]
    [TestCase("POST", "/costly", 405, "GET")]
    [TestCase("POST", "/plain", 405, "GET, HEAD")]
    [TestCase("GET", "/plain/more", 404, "")]
    [TestCase("GET", "/", 404, "")]
    public async Task Path_and_method_decide(string method, string path, int status, string allowed)
    {
        var paths = new AdminPaths();
        int answers = 0;
        paths.Add("/plain", AnswerAsync);
        paths.AddCostly("/costly", AnswerAsync);
        var context = new DefaultHttpContext();
        context.Request.Method = method;
        context.Request.Path = path;

        await paths.AnswerAsync(context);

        Assert.That(context.Response.StatusCode, Is.EqualTo(status));
        Assert.That(context.Response.Headers.Allow.ToString(), Is.EqualTo(allowed));
        Assert.That(answers, Is.EqualTo(status == 200 ? 1 : 0));

        Task AnswerAsync(HttpContext asked)
        {
            answers++;
            return Task.CompletedTask;
        }
    }
}
