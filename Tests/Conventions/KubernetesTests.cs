using System.Text.RegularExpressions;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.Server;
using DotNettyFraming.Server.Startup;
using DotNettyFraming.Tests.Harness;
using YamlDotNet.RepresentationModel;

namespace DotNettyFraming.Tests.Conventions;

/// <summary>The manifest in docs/operations.md: valid YAML, options that exist, ports, probes and times that fit them.</summary>
public sealed partial class KubernetesTests
{
    [Test]
    public void Manifest_fits_the_options_that_it_names()
    {
        string manual = File.ReadAllText(Path.Combine(Repository.Root, "docs", "operations.md"));
        var manifest = new YamlStream();
        manifest.Load(new StringReader(Manifest().Match(manual).Groups["yaml"].Value));
        YamlNode[] documents = [.. manifest.Documents.Select(document => document.RootNode)];
        YamlNode deployment = documents[0]["spec"];
        YamlNode pod = deployment["template"]["spec"];
        YamlNode server = pod["containers"][0];
        string[] arguments = [.. ((YamlSequenceNode)server["args"]).Select(argument => argument.ToString())];
        ParsedOptions<ServerOptions> parsed = ServerCommandLine.Declare().Parse(
            arguments, new Dictionary<string, string> { ["FRAMING_PORT"] = "tcp://10.96.0.12:9999" });
        string[] ports = [.. ((YamlSequenceNode)server["ports"]).Select(port => port["containerPort"].ToString())];

        Assert.Multiple(() =>
        {
            Assert.That(documents.Select(document => document["kind"].ToString()), Is.EqualTo(["Deployment", "Service"]));
            Assert.That(parsed.Errors, Is.Empty);
            Assert.That(parsed.Options.Port, Is.EqualTo(9999));
            Assert.That(arguments, Does.Contain("0.0.0.0:9998"));
            Assert.That(ports, Is.EqualTo(["9999", "9998"]));
            Assert.That(
                int.Parse(pod["terminationGracePeriodSeconds"].ToString()),
                Is.GreaterThanOrEqualTo(parsed.Options.DrainTimeout.TotalSeconds + 5));
            Assert.That(server["readinessProbe"]["httpGet"]["path"].ToString(), Is.EqualTo("/health/ready"));
            Assert.That(server["livenessProbe"]["httpGet"]["path"].ToString(), Is.EqualTo("/health/live"));
            Assert.That(server["resources"]["limits"]["memory"].ToString(), Is.EqualTo("1Gi"));
            Assert.That(documents[1]["metadata"]["name"].ToString(), Is.EqualTo("framing"), "its variables look like options");
            Assert.That(documents[1]["spec"]["selector"]["app"], Is.EqualTo(deployment["selector"]["matchLabels"]["app"]));
        });
    }

    [GeneratedRegex("```yaml\\n(?<yaml>.*?)```", RegexOptions.Singleline)]
    private static partial Regex Manifest();
}
