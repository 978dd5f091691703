using System.Text.Json;
using System.Text.RegularExpressions;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.Server;
using DotNettyFraming.Server.Startup;
using DotNettyFraming.Tests.Harness;

namespace DotNettyFraming.Tests.Conventions;

/// <summary>The manifest in docs/operations.md: valid YAML, options that exist, ports, probes and times that fit them.</summary>
public sealed class KubernetesTests
{
    private const string ToJson = "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(sys.stdin))))";

    [Test]
    public async Task Manifest_fits_the_options_that_it_names()
    {
        string yaml = Regex.Match(
            File.ReadAllText(Path.Combine(Repository.Root, "docs", "operations.md")), "```yaml\n(.*?)```", RegexOptions.Singleline).Groups[1].Value;
        ToolRun parsed = await ToolRun.RunAsync(InstalledProgram.Find("python3"), ["-c", ToJson], yaml);
        if (parsed.Errors.Contains("No module named 'yaml'", StringComparison.Ordinal) && Environment.GetEnvironmentVariable("CI") is null)
        {
            Assert.Ignore("there is no YAML parser for Python (Debian: apt-get install python3-yaml)");
        }

        Assert.That(parsed.ExitCode, Is.Zero, parsed.Errors);
        JsonElement[] documents = JsonSerializer.Deserialize<JsonElement[]>(parsed.Output)!;
        JsonElement pod = At(documents[0], "spec", "template", "spec");
        JsonElement server = At(pod, "containers")[0];
        string[] arguments = [.. At(server, "args").EnumerateArray().Select(one => one.GetString()!)];
        ParsedOptions<ServerOptions> options = ServerCommandLine.Declare().Parse(
            arguments, new Dictionary<string, string> { ["FRAMING_PORT"] = "tcp://10.96.0.12:9999" });
        int[] ports = [.. At(server, "ports").EnumerateArray().Select(port => At(port, "containerPort").GetInt32())];

        Assert.Multiple(() =>
        {
            Assert.That(documents.Select(one => At(one, "kind").GetString()), Is.EqualTo(["Deployment", "Service"]));
            Assert.That(options.Errors, Is.Empty);
            Assert.That(ports, Is.EqualTo([options.Options.Port, 9998]));
            Assert.That(arguments, Does.Contain("0.0.0.0:9998"));
            Assert.That(
                At(pod, "terminationGracePeriodSeconds").GetInt32(), Is.GreaterThanOrEqualTo(options.Options.DrainTimeout.TotalSeconds + 5));
            Assert.That(At(server, "readinessProbe", "httpGet", "path").GetString(), Is.EqualTo("/health/ready"));
            Assert.That(At(server, "livenessProbe", "httpGet", "path").GetString(), Is.EqualTo("/health/live"));
            Assert.That(At(documents[1], "metadata", "name").GetString(), Is.EqualTo("framing"), "its variables look like options");
            Assert.That(At(documents[1], "spec", "selector", "app").GetString(), Is.EqualTo(At(documents[0], "spec", "selector", "matchLabels", "app").GetString()));
            Assert.That(At(server, "resources", "limits", "memory").GetString(), Is.EqualTo("1Gi"));
        });
    }

    private static JsonElement At(JsonElement element, params string[] path) =>
        path.Aggregate(element, (inner, name) => inner.GetProperty(name));
}
