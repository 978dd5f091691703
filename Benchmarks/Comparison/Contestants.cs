using System.ComponentModel;
using System.Diagnostics;
using DotNettyFraming.Benchmarks.Peers;
using DotNettyFraming.Hosting;

namespace DotNettyFraming.Benchmarks.Comparison;

/// <summary>Who is compared.</summary>
internal static class Contestants
{
    /// <summary>The name of the one in Go, which needs a compiler that may be missing.</summary>
    public const string Go = "go";

    /// <summary>The bare server, which the senders are measured against too.</summary>
    public static readonly Contestant Floor =
        new("floor", "bare epoll loops, headers only, in C#", ContestantRole.Floor, Environment.ProcessPath!, [PeerProgram.Mode, "floor"]);

    /// <summary>All of them, in the order of measuring.</summary>
    /// <remarks>Ours runs with its defaults, its log on standard output included; where its log files would go is nobody's business, and
    /// without the admin port, which several cannot share.</remarks>
    public static readonly IReadOnlyList<Contestant> All =
    [
        Floor,
        Ours("ours", "this server, epoll transport", "--transport", "epoll"),
        Ours("sockets", "this server, DotNetty's socket transport", "--transport", "sockets"),
        new("stock", "DotNetty 0.7.6, its own decoder, two handlers", ContestantRole.Rival, Environment.ProcessPath!, [PeerProgram.Mode, "stock"]),
        new("kestrel", "Kestrel ConnectionHandler over pipelines", ContestantRole.Rival, Environment.ProcessPath!, [PeerProgram.Mode, "kestrel"]),
        new(Go, "Go, a goroutine a connection", ContestantRole.Rival, Path.Combine(Path.GetTempPath(), $"framing-go-{Environment.ProcessId}"), []),
    ];

    private static readonly TimeSpan MaxBuild = TimeSpan.FromMinutes(2);

    /// <summary>Makes ready what has to be built first.</summary>
    /// <param name="contestants">Those wanted.</param>
    /// <param name="skipped">Told, in one line each, who cannot take part.</param>
    /// <returns>Those who can.</returns>
    /// <exception cref="StartupException">Nobody can.</exception>
    public static async Task<IReadOnlyList<Contestant>> PrepareAsync(IEnumerable<Contestant> contestants, Action<string> skipped)
    {
        var ready = new List<Contestant>();
        foreach (Contestant contestant in contestants)
        {
            if (contestant.Name == Go && await BuildGoAsync(contestant.FileName) is { } reason)
            {
                skipped($"{contestant.Name} is skipped: {reason}");
            }
            else
            {
                ready.Add(contestant);
            }
        }

        return ready.Count > 0 ? ready : throw new StartupException("there is no server to measure");
    }

    /// <summary>Removes what was built.</summary>
    public static void CleanUp() => File.Delete(All.Single(contestant => contestant.Name == Go).FileName);

    private static Contestant Ours(string name, string title, params string[] options) =>
        new(name, title, ContestantRole.Ours, BuiltPrograms.Server, ["--address", "127.0.0.1", "--port", "0", "--log-directory", "none", "--admin", "off", .. options]);

    private static async Task<string?> BuildGoAsync(string output)
    {
        try
        {
            using var timeout = new CancellationTokenSource(MaxBuild);
            using Process build = Process.Start(new ProcessStartInfo("go", ["build", "-o", output, "."])
            {
                WorkingDirectory = Path.Combine(BuiltPrograms.RepositoryRoot, "Benchmarks", "Go"),
                RedirectStandardError = true,
            })!;
            try
            {
                string errors = await build.StandardError.ReadToEndAsync(timeout.Token);
                await build.WaitForExitAsync(timeout.Token);
                return build.ExitCode == 0 ? null : $"go build failed: {errors.ReplaceLineEndings(" ")}";
            }
            catch (OperationCanceledException)
            {
                build.Kill(entireProcessTree: true);
                return $"go build did not end within {MaxBuild.TotalMinutes} minutes";
            }
        }
        catch (Win32Exception)
        {
            return "there is no `go` on the path (Debian: apt-get install golang-go)";
        }
    }
}
