using System.ComponentModel;
using System.Diagnostics;
using DotNettyFraming.Benchmarks.Peers;
using DotNettyFraming.Hosting;

namespace DotNettyFraming.Benchmarks.Comparison;

/// <summary>The compared servers.</summary>
internal static class Contestants
{
    /// <summary>The name of the server in Go, which needs an installed compiler.</summary>
    public const string Go = "go";

    /// <summary>The bare server; senders are measured against it too.</summary>
    public static readonly Contestant Floor =
        new("floor", "bare epoll loops, headers only, in C#", ContestantRole.Floor, Environment.ProcessPath!, [PeerProgram.Mode, "floor"]);

    /// <summary>All servers in the order of measurement.</summary>
    /// <remarks>Ours runs with its defaults but for log files and the port numbers.</remarks>
    public static readonly IReadOnlyList<Contestant> All =
    [
        Floor,
        Ours("ours", "this server, epoll transport", "--transport", "epoll"),
        Ours("sockets", "this server, DotNetty's socket transport", "--transport", "sockets"),
        Rival("stock", "DotNetty 0.7.6, its own decoder, two handlers"),
        Rival("kestrel", "Kestrel ConnectionHandler over pipelines"),
        new(Go, "Go, one goroutine per connection", ContestantRole.Rival, GoProgram, []),
    ];

    private static readonly TimeSpan MaxBuild = TimeSpan.FromMinutes(2);

    /// <summary>Builds the contestants that need it, and returns those that can run.</summary>
    /// <param name="contestants">The requested contestants.</param>
    /// <param name="skipped">Receives one line per contestant that cannot run.</param>
    /// <exception cref="StartupException">None can run.</exception>
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

    /// <summary>Deletes built programs.</summary>
    public static void CleanUp() => File.Delete(GoProgram);

    private static string GoProgram => Path.Combine(Path.GetTempPath(), $"framing-go-{Environment.ProcessId}");

    /// <summary>Returns this server with some options.</summary>
    public static Contestant Ours(string name, string title, params string[] options) => new(
        name,
        title,
        ContestantRole.Ours,
        BuiltPrograms.Server,
        ["--address", "127.0.0.1", "--port", "0", "--log-directory", "none", "--admin", "127.0.0.1:0", .. options]);

    private static Contestant Rival(string name, string title) =>
        new(name, title, ContestantRole.Rival, Environment.ProcessPath!, [PeerProgram.Mode, name]);

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
