using System.Diagnostics;
using System.IO.Compression;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Xml.Linq;
using DotNettyFraming.Tests.Harness;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Programs;

/// <summary>The packages, and the programs of docs/library.md built with them outside the solution.</summary>
[Category("Slow")]
[CancelAfter(600_000)]
public sealed class PackageTests
{
    private static readonly string[] PackageIds =
        ["DotNettyFraming.Codec", "DotNettyFraming.Hosting", "DotNettyFraming.Server", "DotNettyFraming.Templates",
         "DotNettyFraming.Transport"];

    private readonly string _folder = Directory.CreateTempSubdirectory("framing-packages-").FullName;

    private string Feed => Path.Combine(_folder, "feed");

    [OneTimeSetUp]
    public async Task PackAsync()
    {
        await DotNetAsync(Repository.Root, "pack", "-c", "Release", "--no-build", "-o", Feed);

        // The packages under test come from the folder, all others from this machine's folder and sources.
        const string Enabled = "E ";
        string[] sources = [.. (await DotNetAsync(Repository.Root, "nuget", "list", "source", "--format", "short"))
            .Split('\n', StringSplitOptions.TrimEntries).Where(line => line.StartsWith(Enabled, StringComparison.Ordinal))
            .Select(line => line[Enabled.Length..])];
        string adds = string.Concat(sources.Select((source, index) => $"<add key=\"source{index}\" value=\"{source}\" />"));
        string maps = string.Concat(sources.Select(
            (_, index) => $"<packageSource key=\"source{index}\"><package pattern=\"*\" /></packageSource>"));
        File.WriteAllText(Path.Combine(_folder, "nuget.config"), $"""
            <configuration>
              <packageSources><clear /><add key="feed" value="{Feed}" />{adds}</packageSources>
              <packageSourceMapping>
                <clear /><packageSource key="feed"><package pattern="DotNettyFraming.*" /></packageSource>{maps}
              </packageSourceMapping>
              <config><add key="globalPackagesFolder" value="{Path.Combine(_folder, "packages")}" /></config>
              <fallbackPackageFolders><clear /><add key="others" value="{PackagesOfThisMachine()}" /></fallbackPackageFolders>
            </configuration>
            """);
        await BuildProgramsAsync(
            "Count and print", "Forward to an HTTP endpoint", "Request and answer", "Test a processor", "Configure it");
    }

    [OneTimeTearDown]
    public void Delete() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void Packages_are_complete()
    {
        string[] packages = [.. Directory.EnumerateFiles(Feed, "*.nupkg").Order(StringComparer.Ordinal)];

        Assert.That(packages.Select(IdOf), Is.EqualTo(PackageIds));
        Assert.Multiple(() =>
        {
            foreach (string package in packages)
            {
                string id = IdOf(package);
                Assert.That(Entries(package), Is.SupersetOf(new[] { "README.md", "LICENSE" }), id);
                Assert.That(Metadata(package, "license").Value, Is.EqualTo("MIT"), id);
                Assert.That(IdAndVersion(package).Version, Is.EqualTo("1.0.0"), id);
                if (id == "DotNettyFraming.Templates")
                {
                    continue;
                }

                Assert.That(Entries(package), Is.SupersetOf(new[] { $"lib/net10.0/{id}.dll", $"lib/net10.0/{id}.xml" }), id);
                Assert.That(Entries(Path.ChangeExtension(package, ".snupkg")), Has.Member($"lib/net10.0/{id}.pdb"), id);
            }
        });
    }

    [Test]
    public void Packages_depend_on_nothing_that_only_tests_or_plots_need()
    {
        Assert.That(Dependencies("DotNettyFraming.Codec"), Is.EquivalentTo(new[] { "DotNetty.Buffers", "DotNetty.Codecs" }));
        Assert.That(Dependencies("DotNettyFraming.Transport"), Is.EquivalentTo(new[] { "DotNetty.Transport" }));
        Assert.That(
            Dependencies("DotNettyFraming.Server"),
            Has.None.Matches("NUnit|CsCheck|Playwright|Benchmark|ScottPlot|Skia|Spectre|Plotly|Grpc|HdrHistogram|Analyzers"));
    }

    [Test]
    public async Task Ten_line_server_counts_prints_and_stops()
    {
        string program = ProgramOf("Count and print");
        (ProgramRun run, IPEndPoint endpoint) = await StartAsync(program);
        using ProgramRun server = run;

        using Peer peer = await Peer.ConnectAsync(endpoint);
        await peer.SendAsync(Repeat(Article, 3));

        Assert.That(
            await server.LineAsync("packet 3 of 25 bytes"),
            Does.StartWith($"127.0.0.1:{((IPEndPoint)peer.Socket.LocalEndPoint!).Port}: "));
        Dictionary<string, long> counters = await server.StopAsync();
        Assert.That(counters["packets.processed"], Is.EqualTo(3));
        Assert.That(Directory.EnumerateFiles(Path.GetDirectoryName(program)!, "*", SearchOption.AllDirectories)
            .Select(file => Path.GetFileName(file)), Has.None.Matches("(?i)\\.exe$|win-|kerneltracecontrol|DotNettyFraming.*\\.xml"));
    }

    [Test]
    public async Task Own_program_has_the_options_and_exit_codes_of_the_executable()
    {
        string program = ProgramOf("Count and print");
        using ProgramRun wrong = ProgramRun.StartFile(program, ["--port", "x", "--work", "1s"]);
        using ProgramRun help = ProgramRun.StartFile(program, ["--help"]);
        using var other = new TcpListener(IPAddress.IPv6Any, 0);
        other.Start();
        using ProgramRun inUse = ProgramRun.StartFile(
            program, ["--port", $"{((IPEndPoint)other.LocalEndpoint).Port}", "--log-directory", "none"]);

        Assert.That(await wrong.ExitAsync(), Is.EqualTo(2));
        Assert.That(await help.ExitAsync(), Is.Zero);
        Assert.That(await inUse.ExitAsync(), Is.EqualTo(1));
        Assert.Multiple(() =>
        {
            Assert.That(wrong.Errors, Is.EquivalentTo(new[] { "--port: 'x' is not an integer", "--work: unknown option" }));
            Assert.That(help.Output, Has.Some.Contains("--idle-timeout"));
            Assert.That(inUse.Errors, Has.One.Contains("cannot listen"));
        });
    }

    [Test]
    public async Task Http_forwarder_posts_every_packet_and_counts_what_was_accepted()
    {
        string program = ProgramOf("Forward to an HTTP endpoint");
        using var endpoint = new StandInEndpoint();
        (ProgramRun run, IPEndPoint address) = await StartAsync(program, ("ENDPOINT", endpoint.Url));
        using ProgramRun server = run;

        using Peer peer = await Peer.ConnectAsync(address);
        byte[] packets = Repeat(Article, 1000);
        await peer.SendAsync(packets);
        Eventually.That(() => endpoint.Received.Length, Is.EqualTo(packets.Length));
        Dictionary<string, long> counters = await server.StopAsync();

        Assert.That(endpoint.Received, Is.EqualTo(packets));
        Assert.That((counters["packets.processed"], counters["packets.dropped"]), Is.EqualTo((1000L, 0L)));
    }

    [Test]
    public async Task Http_forwarder_closes_the_connection_when_the_endpoint_refuses()
    {
        string program = ProgramOf("Forward to an HTTP endpoint");
        using var endpoint = new StandInEndpoint { Status = "503 Service Unavailable" };
        (ProgramRun run, IPEndPoint address) = await StartAsync(program, ("ENDPOINT", endpoint.Url));
        using ProgramRun server = run;

        using Peer peer = await Peer.ConnectAsync(address);
        await peer.SendAsync(Article);
        await peer.ClosedByServerAsync();
        Dictionary<string, long> counters = await server.StopAsync();

        Assert.That((counters["packets.dropped"], counters["connections.closed.ProcessingFailed"]), Is.EqualTo((1L, 1L)));
    }

    [Test]
    public async Task Answering_server_answers_every_packet_in_order()
    {
        string program = ProgramOf("Request and answer");
        (ProgramRun run, IPEndPoint endpoint) = await StartAsync(program);
        using ProgramRun server = run;
        string[] names = [.. Enumerable.Range(0, 100).Select(number => $"device {number}")];

        using Peer peer = await Peer.ConnectAsync(endpoint);
        await peer.SendAsync(Glue([.. names.Select(name => Of(Encoding.UTF8.GetBytes(name)))]));
        peer.Finish();
        byte[] answers = await peer.ReceiveToEndAsync();

        Assert.That(Payloads(answers), Is.EqualTo(names.Select(name => $"hello {name}")));
        await server.StopAsync();
    }

    [Test]
    public async Task Processor_test_of_the_manual_passes()
    {
        using ProgramRun test = ProgramRun.StartFile(ProgramOf("Test a processor"), []);

        Assert.That(await test.ExitAsync(), Is.Zero, test.Everything);
        Assert.That(test.Output, Is.EqualTo(["passed"]));
    }

    [Test]
    public async Task Server_inside_another_program_starts_and_stops()
    {
        using ProgramRun program = ProgramRun.StartFile(ProgramOf("Configure it"), []);

        Assert.That(await program.ExitAsync(), Is.Zero, program.Everything);
        Assert.That(program.Output, Has.Count.EqualTo(2));
        Assert.That(program.Output.First(), Does.Match("^bound to 127\\.0\\.0\\.1:[1-9][0-9]*$"));
        Assert.That(program.Output.Last(), Is.EqualTo("0 packets"));
    }

    [Test]
    public async Task Template_is_created_tested_and_run()
    {
        string[] hive = ["--debug:custom-hive", Path.Combine(_folder, "hive")];
        string folder = Path.Combine(_folder, "Orders");
        string package = Directory.EnumerateFiles(Feed, "DotNettyFraming.Templates.*.nupkg").Single();
        await DotNetAsync(_folder, ["new", "install", package, .. hive]);
        await DotNetAsync(_folder, ["new", "framing-server", "--output", "Orders", .. hive]);

        string tested = await DotNetAsync(
            folder, "test", "-c", "Release", "-p:NuGetAudit=false", "-p:UseSharedCompilation=false", "-nodeReuse:false");
        (ProgramRun run, IPEndPoint endpoint) = await StartAsync(Path.Combine(folder, "Orders", "bin", "Release", "net10.0", "Orders"));
        using ProgramRun server = run;
        using Peer peer = await Peer.ConnectAsync(endpoint);
        await peer.SendAsync(Article);
        peer.Finish();

        Assert.That(tested, Does.Match("Passed: +1,"));
        Assert.That(Payloads(await peer.ReceiveToEndAsync()), Is.EqualTo(Payloads(Article)));
        await server.StopAsync();
    }

    private static Task<(ProgramRun Run, IPEndPoint Endpoint)> StartAsync(
        string program, params (string Name, string Value)[] environment) =>
        ProgramRun.ListeningAsync(
            ProgramRun.StartFile(program, ["--port", "0", "--address", "127.0.0.1", "--log-directory", "none"], environment));

    /// <summary>Builds the first program under each of these headings of docs/library.md, outside the solution.</summary>
    private async Task BuildProgramsAsync(params string[] headings)
    {
        string version = IdAndVersion(Directory.EnumerateFiles(Feed, "DotNettyFraming.Server.*.nupkg").Single()).Version;
        foreach (string heading in headings)
        {
            string folder = Directory.CreateDirectory(Path.Combine(_folder, NameOf(heading))).FullName;
            File.WriteAllText(Path.Combine(folder, "Program.cs"), ProgramUnder(heading));
            File.WriteAllText(Path.Combine(folder, $"{NameOf(heading)}.csproj"), $"""
                <Project Sdk="Microsoft.NET.Sdk">
                  <PropertyGroup>
                    <OutputType>Exe</OutputType>
                    <TargetFramework>net10.0</TargetFramework>
                    <Nullable>enable</Nullable>
                    <ImplicitUsings>enable</ImplicitUsings>
                    <TreatWarningsAsErrors>true</TreatWarningsAsErrors>
                    <NuGetAudit>false</NuGetAudit>
                  </PropertyGroup>
                  <ItemGroup><PackageReference Include="DotNettyFraming.Server" Version="{version}" /></ItemGroup>
                </Project>
                """);
        }

        string projects = string.Concat(headings.Select(heading => $"<Project Path=\"{NameOf(heading)}/{NameOf(heading)}.csproj\" />"));
        File.WriteAllText(Path.Combine(_folder, "Programs.slnx"), $"<Solution>{projects}</Solution>");
        await DotNetAsync(_folder, "build", "Programs.slnx", "-c", "Release", "-p:UseSharedCompilation=false", "-nodeReuse:false");
    }

    /// <summary>Returns the executable of the program under a heading.</summary>
    private string ProgramOf(string heading) => Path.Combine(_folder, NameOf(heading), "bin", "Release", "net10.0", NameOf(heading));

    private static string NameOf(string heading) => heading.Replace(" ", "", StringComparison.Ordinal);

    private static string ProgramUnder(string heading) => string.Join('\n', File
        .ReadLines(Path.Combine(Repository.Root, "docs", "library.md"))
        .SkipWhile(line => line != $"## {heading}")
        .SkipWhile(line => line != "```csharp").Skip(1)
        .TakeWhile(line => line != "```"));

    private static async Task<string> DotNetAsync(string folder, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        IEnumerable<string> names = start.Environment.Keys.Where(name =>
            name.StartsWith("MSBUILD", StringComparison.OrdinalIgnoreCase)
            || name.StartsWith("VSTEST", StringComparison.OrdinalIgnoreCase));
        foreach (string inherited in names.ToArray())
        {
            start.Environment.Remove(inherited); // of the `dotnet test` that runs this
        }

        using Process dotnet = Process.Start(start)!;
        using var timeout = new CancellationTokenSource(TimeSpan.FromMinutes(5));
        try
        {
            Task<string> output = dotnet.StandardOutput.ReadToEndAsync(timeout.Token);
            Task<string> errors = dotnet.StandardError.ReadToEndAsync(timeout.Token);
            await dotnet.WaitForExitAsync(timeout.Token);
            Assert.That(dotnet.ExitCode, Is.Zero, $"dotnet {string.Join(' ', arguments)}\n{await output}{await errors}");
            return await output;
        }
        finally
        {
            if (!dotnet.HasExited)
            {
                dotnet.Kill(entireProcessTree: true);
            }
        }
    }

    private static string PackagesOfThisMachine() => Environment.GetEnvironmentVariable("NUGET_PACKAGES")
        ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");

    private static (string Id, string Version) IdAndVersion(string package) =>
        (Metadata(package, "id").Value, Metadata(package, "version").Value);

    private static string IdOf(string package) => IdAndVersion(package).Id;

    private static string[] Entries(string package)
    {
        using ZipArchive archive = ZipFile.OpenRead(package);
        return [.. archive.Entries.Select(entry => entry.FullName)];
    }

    private static XElement Metadata(string package, string name)
    {
        using ZipArchive archive = ZipFile.OpenRead(package);
        using Stream specification = archive.Entries.Single(entry => entry.Name.EndsWith(".nuspec", StringComparison.Ordinal)).Open();
        return XDocument.Load(specification).Descendants().First(element => element.Name.LocalName == name);
    }

    private string[] Dependencies(string id) =>
        [.. Metadata(Directory.EnumerateFiles(Feed, $"{id}.*.nupkg").Single(), "dependencies").Descendants()
            .Where(element => element.Name.LocalName == "dependency").Select(element => element.Attribute("id")!.Value)];

    private static List<string> Payloads(byte[] packets)
    {
        List<string> payloads = [];
        for (ReadOnlySpan<byte> rest = packets; !rest.IsEmpty;)
        {
            int length = 7 + rest[1] + (256 * rest[2]);
            payloads.Add(Encoding.UTF8.GetString(rest[7..length]));
            rest = rest[length..];
        }

        return payloads;
    }

    /// <summary>An HTTP endpoint that keeps the bodies of its requests.</summary>
    private sealed class StandInEndpoint : IDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly MemoryStream _received = new();

        public StandInEndpoint()
        {
            _listener.Start();
            _ = Task.Run(ServeAsync);
        }

        public string Status { get; init; } = "204 No Content";

        public string Url => $"http://{_listener.LocalEndpoint}/packets";

        public byte[] Received
        {
            get
            {
                lock (_received)
                {
                    return _received.ToArray();
                }
            }
        }

        public void Dispose() => _listener.Dispose();

        private async Task ServeAsync()
        {
            try
            {
                while (true)
                {
                    using TcpClient client = await _listener.AcceptTcpClientAsync();
                    await AnswerAsync(client.GetStream());
                }
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // Disposed.
            }
        }

        private async Task AnswerAsync(NetworkStream stream)
        {
            string head = "";
            byte[] one = new byte[1];
            while (!head.EndsWith("\r\n\r\n", StringComparison.Ordinal))
            {
                await stream.ReadExactlyAsync(one);
                head += (char)one[0];
            }

            string length = head.Split("\r\n").Single(line => line.StartsWith("Content-Length: ", StringComparison.OrdinalIgnoreCase));
            byte[] body = new byte[int.Parse(length.Split(' ')[1])];
            await stream.ReadExactlyAsync(body);
            lock (_received)
            {
                _received.Write(body);
            }

            await stream.WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 {Status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"));
        }
    }
}
