using System.Text.Json;
using System.Text.RegularExpressions;
using DotNettyFraming.LoadClient.Options;
using DotNettyFraming.Server.Startup;
using DotNettyFraming.Tests.Harness;

namespace DotNettyFraming.Tests.Programs;

/// <summary>The archive, package and container that <c>publish</c> makes, in a minimal Debian without .NET.</summary>
/// <remarks><c>FRAMING_TESTS_RELEASE</c> names the folder of a release to test instead of a new one.</remarks>
[Category("Slow")]
[CancelAfter(900_000)]
[Platform("Linux")]
public sealed partial class ReleaseTests
{
    private const string Start = """
        start() {
            "$@" < /dev/null > /dev/shm/log & server=$!
            until grep -q 'listening on' /dev/shm/log; do kill -0 $server; sleep 0.1; done
        }
        stop() { kill $server; wait $server; grep -o 'packets.processed=[0-9]*' /dev/shm/log; }
        send() { "$@" --connections 10 --packets 1000 --log-directory none --verify http://127.0.0.1:9998 < /dev/null > /dev/null; }

        """;

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    private readonly string _folder = Directory.CreateTempSubdirectory("framing-release-").FullName;

    private string Release => Path.Combine(_folder, "release");

    private string Root => Path.Combine(_folder, "root");

    private string Archive => Directory.EnumerateFiles(Release, "*-linux-x64.tar.gz").Single();

    private string Package => Directory.EnumerateFiles(Release, "*_amd64.deb").Single();

    [OneTimeSetUp]
    public async Task MakeReleaseAndRoot()
    {
        if (Environment.UserName != "root")
        {
            Assert.Ignore("needs root: chroot, mount namespaces");
        }

        string mmdebstrap = InstalledProgram.Find("mmdebstrap");
        InstalledProgram.Find("help2man");
        string[] root = ["--quiet", "--variant=essential", "--include=adduser,libssl3,libstdc++6", "bookworm", Root];
        await Task.WhenAll(
            Environment.GetEnvironmentVariable("FRAMING_TESTS_RELEASE") is { Length: > 0 } made
                ? RunAsync("cp", "--recursive", made, Release)
                : RunAsync(Path.Combine(Repository.Root, "publish"), Release, "linux-x64"),
            RunAsync(mmdebstrap, root));
    }

    [OneTimeTearDown]
    public void Delete() => Directory.Delete(_folder, recursive: true);

    [Test]
    public async Task Archive_runs_without_dotnet_and_has_at_most_60_MB()
    {
        Assert.That(new FileInfo(Archive).Length, Is.LessThan(60_000_000));

        string output = await InRootAsync(Start + $"""
            if command -v dotnet; then exit 1; fi
            tar -xzf /mnt/{Path.GetFileName(Archive)} -C /opt
            cd /opt/dotnetty-framing-*
            ls LICENSE THIRD-PARTY-NOTICES nlog.config notices/Microsoft.NETCore.App.txt notices/Microsoft.AspNetCore.App.txt
            start ./DotNettyFraming.Server --log-directory none
            send ./DotNettyFraming.LoadClient
            stop
            """);

        Assert.That(output.TrimEnd(), Does.EndWith("packets.processed=1000"));
    }

    [Test]
    public async Task Package_is_installed_upgraded_removed_and_purged()
    {
        string next = Path.Combine(_folder, "next");
        await RunAsync("dpkg-deb", "-R", Package, next);
        string control = Path.Combine(next, "DEBIAN", "control");
        File.WriteAllText(control, VersionLine().Replace(File.ReadAllText(control), "Version: 9.0.0"));
        await RunAsync("dpkg-deb", "-Znone", "-b", next, Path.Combine(Release, "next.deb"));

        string output = await InRootAsync(Start + $$"""
            service() {
                set -a
                . /etc/dotnetty-framing/server.env
                exec setpriv --reuid=framing --regid=framing --clear-groups DotNettyFraming.Server --log-directory none
            }
            dpkg -i /mnt/{{Path.GetFileName(Package)}} > /dev/null
            echo FRAMING_STORE=/var/lib/dotnetty-framing >> /etc/dotnetty-framing/server.env
            start service; send DotNettyFraming.LoadClient; stop

            dpkg -i /mnt/next.deb > /dev/null
            start service; send DotNettyFraming.LoadClient; stop
            DotNettyFraming.Server export --store /var/lib/dotnetty-framing | wc -l
            stat -c '%U %a %n' /var/lib/dotnetty-framing /var/lib/dotnetty-framing/store.json

            dpkg -r dotnetty-framing > /dev/null
            ls -d /usr/lib/dotnetty-framing 2> /dev/null || ls /etc/dotnetty-framing /var/lib/dotnetty-framing/store.json
            dpkg -P dotnetty-framing > /dev/null
            ls -d /etc/dotnetty-framing /var/lib/dotnetty-framing 2> /dev/null || echo purged
            """);

        Assert.That(output.Split('\n', StringSplitOptions.RemoveEmptyEntries), Is.EqualTo(
        [
            "packets.processed=1000",
            "packets.processed=1000",
            "2000",
            "framing 750 /var/lib/dotnetty-framing",
            "framing 644 /var/lib/dotnetty-framing/store.json",
            "/var/lib/dotnetty-framing/store.json",
            "/etc/dotnetty-framing:",
            "nlog.config",
            "server.env",
            "purged",
        ]));
    }

    [Test]
    public async Task Checksums_are_those_of_archive_and_package()
    {
        string verified = await RunAsync("sh", "-c", $"cd {Release} && sha256sum --strict --check SHA256SUMS");

        Assert.That(
            verified, Does.Contain($"{Path.GetFileName(Archive)}: OK\n").And.Contain($"{Path.GetFileName(Package)}: OK\n"));
    }

    [Test]
    public async Task Package_has_no_errors() => await RunAsync(InstalledProgram.Find("lintian"), "--fail-on", "error", Package);

    [Test]
    public async Task Manual_pages_have_every_option()
    {
        string extracted = Path.Combine(_folder, "extracted");
        await RunAsync("dpkg-deb", "-x", Package, extracted);

        Assert.Multiple(async () =>
        {
            foreach ((string page, IEnumerable<string> options) in new[]
            {
                ("DotNettyFraming.Server", ServerCommandLine.Declare().Declarations.Select(option => option.Name)),
                ("DotNettyFraming.Server-export", StoreCommands.DeclareExport().Declarations.Select(option => option.Name)),
                ("DotNettyFraming.LoadClient", LoadOptionDeclarations.Declare().Declarations.Select(option => option.Name)),
            })
            {
                string text = (await RunAsync("zcat", Path.Combine(extracted, "usr", "share", "man", "man1", $"{page}.1.gz")))
                    .Replace("\\-", "-", StringComparison.Ordinal);
                Assert.That(text, Does.Contain(".SH OPTIONS"), page);
                Assert.That(text.Contains("commands export and verify"), Is.EqualTo(page == "DotNettyFraming.Server"), page);
                Assert.That(options.Where(option => !text.Contains($"\\fB{option}\\fR", StringComparison.Ordinal)), Is.Empty, page);
            }
        });
    }

    [Test]
    public async Task Units_are_valid_and_exposed_by_at_most_3()
    {
        string analyze = InstalledProgram.Find("systemd-analyze", "systemd");
        string units = Path.Combine(Root, "usr", "lib", "systemd", "system");
        await RunAsync("dpkg-deb", "-x", Package, Root);
        await RunAsync("cp", "--recursive", "--no-clobber", "/usr/lib/systemd/system", Path.GetDirectoryName(units)!);

        // What it does not know it ignores, with a line and exit code 0.
        ToolRun verify = await ToolRun.RunAsync(
            analyze, ["verify", "--man=no", $"--root={Root}", "framing.service", "framing.socket"], "", Patience);
        Assert.That((verify.ExitCode, verify.Errors.Trim()), Is.EqualTo((0, "")));
        await RunAsync(analyze, "security", "--offline=true", "--threshold=30", Path.Combine(units, "framing.service"));
    }

    [Test]
    public async Task Container_runs_on_a_read_only_root_and_reports_its_health()
    {
        string buildah = InstalledProgram.Find("buildah");
        string bubblewrap = InstalledProgram.Find("bwrap", "bubblewrap");
        string[] storage = ["--root", Path.Combine(_folder, "store"), "--runroot", Path.Combine(_folder, "run"), "--storage-driver", "vfs"];
        string file = Path.Combine(Repository.Root, "Packaging", "Containerfile");
        await InRootAsync($"dpkg -i /mnt/{Path.GetFileName(Package)}");
        await RunAsync("tar", "--create", "--directory", Root, "--file", Path.Combine(_folder, "root.tar"), ".");
        await RunAsync(
            buildah, [.. storage, "build", "--isolation", "chroot", "--format", "docker", "--tag", "framing", "--file", file, _folder]);
        string container = (await RunAsync(buildah, [.. storage, "from", "framing"])).Trim();
        string mounted = (await RunAsync(buildah, [.. storage, "mount", container])).Trim();
        try
        {
            string user = await RunAsync(buildah, [.. storage, "run", "--isolation", "chroot", container, "--", "id", "-un"]);
            Assert.That(user.Trim(), Is.EqualTo("framing"));

            string[] entry = CommandOf("ENTRYPOINT ");
            string health = $"bash -c {Quoted(CommandOf("HEALTHCHECK CMD ")[^1])}";
            string output = await RunWithInputAsync(
                bubblewrap,
                [
                    "--die-with-parent",
                    "--ro-bind", mounted, "/", "--proc", "/proc", "--dev", "/dev", "--unshare-all", "--uid", "65532", "--gid", "65532",
                    "bash", "-eu",
                ],
                Start + $"""
                {health} 2> /dev/null || echo not healthy
                touch /tmp/x 2> /dev/null || echo read-only
                start {string.Join(' ', entry)}
                {health}
                send DotNettyFraming.LoadClient
                stop
                """);
            Assert.That(output.TrimEnd().Split('\n'), Is.EqualTo(["not healthy", "read-only", "packets.processed=1000"]));
        }
        finally
        {
            await RunAsync(buildah, [.. storage, "umount", container]);
            await InRootAsync("dpkg -P dotnetty-framing");
        }

        string[] CommandOf(string instruction) => JsonSerializer.Deserialize<string[]>(
            File.ReadLines(file).Single(line => line.StartsWith(instruction, StringComparison.Ordinal))[instruction.Length..])!;
    }

    [Test]
    public async Task Two_builds_from_different_folders_are_equal()
    {
        Scale.RequireFull("takes five minutes");
        string[] runtimes = ["linux-x64", "linux-arm64"];
        List<string> sums = [];
        foreach (string name in new[] { "one", "the-other-folder" })
        {
            string clone = Path.Combine(_folder, name);
            await RunAsync("git", "clone", "--quiet", Repository.Root, clone);
            await RunAsync(Path.Combine(clone, "publish"), [Path.Combine(clone, "bin", "release"), .. runtimes]);
            sums.Add(File.ReadAllText(Path.Combine(clone, "bin", "release", "SHA256SUMS")));
        }

        Assert.That(sums[1], Is.EqualTo(sums[0]));
        Assert.That(sums[0].Split('\n', StringSplitOptions.RemoveEmptyEntries), Has.Length.EqualTo(3));
    }

    /// <summary>Runs a script as root of the minimal Debian, with a network of its own; /mnt is the release.</summary>
    private Task<string> InRootAsync(string script) => RunWithInputAsync(
        "unshare",
        ["--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-euc", $"""
            ip link set lo up
            mount --bind {Release} {Root}/mnt
            mount -t proc proc {Root}/proc
            mkdir -p {Root}/dev/shm
            exec chroot {Root} bash -eu
            """],
        script);

    private static Task<string> RunAsync(string file, params string[] arguments) => RunWithInputAsync(file, arguments, "");

    private static async Task<string> RunWithInputAsync(string file, string[] arguments, string input)
    {
        ToolRun run = await ToolRun.RunAsync(file, arguments, input, Patience);
        Assert.That(run.ExitCode, Is.Zero, $"{file} {string.Join(' ', arguments)}\n{input}\n{run.Output}{run.Errors}");
        return run.Output;
    }

    private static string Quoted(string text) => $"'{text.Replace("'", @"'\''", StringComparison.Ordinal)}'";

    [GeneratedRegex("^Version: .*$", RegexOptions.Multiline)]
    private static partial Regex VersionLine();
}
