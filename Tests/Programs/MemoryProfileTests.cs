using System.Diagnostics;
using System.Net;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using DotNettyFraming.Tests.Harness;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Programs;

/// <summary><c>--memory-profile</c> of the server program, and its file read by pprof.</summary>
[CancelAfter(120_000)]
[Category("Slow")]
public sealed class MemoryProfileTests
{
    private string _folder = "";

    private string File => Path.Combine(_folder, "memory.pb.gz");

    [SetUp]
    public void Create_folder() => _folder = Directory.CreateTempSubdirectory("memory-profile").FullName;

    [TearDown]
    public void Delete_folder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public async Task Stopped_server_leaves_a_whole_profile_and_no_other_file()
    {
        await System.IO.File.WriteAllTextAsync(File, "before");

        ProgramRun server = await RunServerAsync(whileItRuns: () =>
            Assert.That(System.IO.File.ReadAllText(File), Is.EqualTo("before"), "replaced only by a whole profile"));

        Assert.That(Directory.EnumerateFiles(_folder), Is.EqualTo(new[] { File }));
        Assert.That(server.Output, Has.Some.Contains("stopped:").And.Some.Contains($"bytes in {File}"));
        var profile = new PprofFile(await System.IO.File.ReadAllBytesAsync(File));
        Assert.Multiple(() =>
        {
            Assert.That(profile.SampleTypes, Is.EqualTo(new[] { "alloc_objects/count", "alloc_space/bytes" }));
            Assert.That(
                profile.Samples.SelectMany(sample => sample.Stack),
                Has.Some.EqualTo("DotNettyFraming.Transport.EpollEventLoop.Poll").Or.Some.StartsWith("DotNetty.Transport."),
                "a frame of the server's work");
        });
    }

    [Test]
    public async Task Pprof_reads_it()
    {
        string go = InstalledProgram.Find("go");
        (await RunServerAsync()).Dispose();

        Assert.That(await ReportAsync(go, "-raw"), Does.Contain("alloc_space/bytes[dflt]").And.Contain("PeriodType: space bytes"));
        foreach (string report in new[] { "-top", "-traces" })
        {
            Assert.That(
                await ReportAsync(go, report),
                Does.Contain("Type: alloc_space").And.Contain("DotNetty.Buffers.HeapArena.NewByteArray"),
                report);
        }
    }

    [Test]
    public async Task Pprof_draws_it()
    {
        string go = InstalledProgram.Find("go");
        InstalledProgram.Find("dot", package: "graphviz");
        (await RunServerAsync()).Dispose();

        Assert.That(await ReportAsync(go, "-svg"), Does.Contain("<svg").And.Contain("HeapArena"));
        Assert.That(await ReportAsync(go, "-pdf"), Does.StartWith("%PDF-"));
    }

    [Test]
    public async Task Unwritable_file_is_one_line_and_exit_code_1_before_listening([Values] bool check)
    {
        string path = Path.Combine(_folder, "missing", "memory.pb.gz");
        using ProgramRun server = ProgramRun.Start(
            "Server", ["--port", "0", "--log-directory", "none", "--memory-profile", path, .. check ? ["--check"] : Array.Empty<string>()]);

        Assert.That(await server.ExitAsync(), Is.EqualTo(1));
        Assert.That(server.Errors.Single(), Does.StartWith($"--memory-profile: '{path}' cannot be written: "));
        Assert.That(server.Output, Has.None.Contains("listening on"));
    }

    [Test]
    public async Task Profile_that_cannot_be_renamed_is_one_line_and_leaves_no_file()
    {
        (ProgramRun run, _) = await ProgramRun.StartServerAsync("--memory-profile", File);
        using ProgramRun server = run;
        Directory.CreateDirectory(Path.Combine(File, "in the way"));

        server.Signal(PosixSignal.SIGTERM);

        Assert.That(await server.ExitAsync(), Is.EqualTo(1), server.Everything);
        Assert.That(server.Errors.Single(), Does.StartWith($"--memory-profile: '{File}' could not be written: "));
        Assert.That(Directory.EnumerateFiles(_folder), Is.Empty);
    }

    [Test]
    [Platform("Linux", Reason = "Modes of files.")]
    [UnsupportedOSPlatform("windows")]
    public async Task Profile_is_readable_by_its_owner_only_and_a_shared_folder_warns()
    {
        System.IO.File.SetUnixFileMode(_folder, (UnixFileMode)0x1FF); // 0777

        using ProgramRun server = await RunServerAsync();

        Assert.That(System.IO.File.GetUnixFileMode(File), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite));
        Assert.That(server.Output, Has.Some.Contains($"--memory-profile: directory '{_folder}' is writable by other users"));
    }

    [Test]
    [Platform("Linux", Reason = "Owners of files.")]
    public async Task Link_of_another_user_is_not_followed([Values] bool folder)
    {
        if (!Environment.IsPrivilegedProcess)
        {
            Assert.Ignore("only root can give a file to another user");
        }

        string secrets = Directory.CreateDirectory(Path.Combine(_folder, "secrets")).FullName;
        string secret = Path.Combine(secrets, "secret");
        await System.IO.File.WriteAllTextAsync(secret, "secret");
        string link = Path.Combine(_folder, "link");
        System.IO.File.CreateSymbolicLink(link, folder ? secrets : secret);
        using (Process chown = Process.Start("chown", ["-h", "65534", link]))
        {
            Assert.That(chown.WaitForExit(Peer.Patience) && chown.ExitCode == 0, Is.True);
        }

        string path = folder ? Path.Combine(link, "secret") : link;
        using ProgramRun server = ProgramRun.Start("Server", ["--port", "0", "--log-directory", "none", "--memory-profile", path]);

        Assert.That(await server.ExitAsync(), Is.EqualTo(1));
        Assert.That(
            server.Errors.Single(), Is.EqualTo($"--memory-profile: '{path}' cannot be written: '{link}' is a link of another user."));
        Assert.That(await System.IO.File.ReadAllTextAsync(secret), Is.EqualTo("secret"));
    }

    [Test]
    [Platform("Linux", Reason = "Links.")]
    public async Task Own_link_stays_a_link_to_the_profile()
    {
        string link = Path.Combine(_folder, "link");
        await System.IO.File.WriteAllTextAsync(Path.Combine(_folder, "target"), "before");
        System.IO.File.CreateSymbolicLink(link, "target");
        (ProgramRun run, _) = await ProgramRun.StartServerAsync("--memory-profile", link);
        using ProgramRun server = run;

        await server.StopAsync();

        Assert.That(new FileInfo(link).LinkTarget, Is.EqualTo("target"));
        Assert.That(new FileInfo(Path.Combine(_folder, "target")).Length, Is.GreaterThan(100));
    }

    [TestCase("/dev/null")]
    [TestCase("/tmp")]
    [Platform("Linux", Reason = "Its paths.")]
    public async Task Path_that_is_no_regular_file_is_refused(string path)
    {
        using ProgramRun server = ProgramRun.Start("Server", ["--port", "0", "--log-directory", "none", "--memory-profile", path]);

        Assert.That(await server.ExitAsync(), Is.EqualTo(1));
        Assert.That(server.Errors.Single(), Is.EqualTo($"--memory-profile: '{path}' cannot be written: it is not a regular file."));
    }

    [Test]
    public async Task Runtime_without_diagnostics_is_one_line_and_exit_code_1()
    {
        using ProgramRun server = ProgramRun.Start(
            "Server", ["--port", "0", "--log-directory", "none", "--memory-profile", File], ("DOTNET_EnableDiagnostics", "0"));

        Assert.That(await server.ExitAsync(), Is.EqualTo(1));
        Assert.That(
            server.Errors.Single(),
            Is.EqualTo("--memory-profile: the runtime gives no diagnostics: DOTNET_EnableDiagnostics=0 turns them off"));
        Assert.That(Directory.EnumerateFiles(_folder), Is.Empty);
    }

    [Test]
    [Platform("Linux", Reason = "/proc/PID/maps lists the loaded assemblies.")]
    public async Task Profiling_libraries_are_loaded_only_with_the_option([Values] bool asked)
    {
        (ProgramRun run, _) = await ProgramRun.StartServerAsync(asked ? ["--memory-profile", File] : []);
        using ProgramRun server = run;

        IEnumerable<string> loaded = System.IO.File.ReadLines($"/proc/{server.Id}/maps")
            .Where(line => line.Contains("/Microsoft.Diagnostics.", StringComparison.Ordinal)
                || line.Contains("/Google.Protobuf", StringComparison.Ordinal));

        Assert.That(loaded.Any(), Is.EqualTo(asked));
    }

    private async Task<string> ReportAsync(string go, string report)
    {
        string written = Path.Combine(_folder, "report");
        ToolRun pprof = await ToolRun.RunAsync(
            go, ["tool", "pprof", report, "-output", written, File], environment: ("HOME", _folder));
        Assert.That(pprof.ExitCode, Is.Zero, pprof.Errors);
        return await System.IO.File.ReadAllTextAsync(written);
    }

    /// <summary>Runs a server that processes 10,000 packets, and stops it.</summary>
    private async Task<ProgramRun> RunServerAsync(Action? whileItRuns = null)
    {
        (ProgramRun server, IPEndPoint endpoint) = await ProgramRun.StartServerAsync("--report-every", "10000", "--memory-profile", File);
        byte[] write = Repeat(Article, 1000);
        using Peer peer = await Peer.ConnectAsync(endpoint);
        for (int i = 0; i < 10; i++)
        {
            await peer.SendAsync(write);
        }

        await server.LineAsync("processed 10000 packets");
        whileItRuns?.Invoke();
        await server.StopAsync();
        return server;
    }
}
