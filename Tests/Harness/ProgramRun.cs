using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace DotNettyFraming.Tests.Harness;

/// <summary>One of our programs as a child process; killed at the end of its test, whatever happens.</summary>
internal sealed partial class ProgramRun : IDisposable
{
    /// <summary>What stands before the admin port's address in a server's log.</summary>
    public const string AdminLine = "admin HTTP at ";

    private readonly Process _process;
    private readonly ConcurrentQueue<string> _output = new();
    private readonly ConcurrentQueue<string> _errors = new();

    private ProgramRun(Process process) => _process = process;

    public int Id => _process.Id;

    /// <summary>Lines written to standard output so far.</summary>
    public IReadOnlyCollection<string> Output => _output;

    /// <summary>Lines written to standard error so far.</summary>
    public IReadOnlyCollection<string> Errors => _errors;

    public static ProgramRun Start(string project, string[] arguments, params (string Name, string Value)[] environment) =>
        StartFile(Repository.Program(project), arguments, environment);

    /// <summary>Starts one of our programs from elsewhere, or through another program that becomes it.</summary>
    public static ProgramRun StartFile(string file, string[] arguments, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo(file, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        // Tests run beside each other, and beside a server of somebody's own: none takes the default port unasked.
        start.Environment["FRAMING_ADMIN"] = "off";
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        var run = new ProgramRun(new Process { StartInfo = start });
        run._process.OutputDataReceived += (_, e) => Keep(run._output, e.Data);
        run._process.ErrorDataReceived += (_, e) => Keep(run._errors, e.Data);
        run._process.Start();
        run._process.StandardInput.Close();
        run._process.BeginOutputReadLine();
        run._process.BeginErrorReadLine();
        return run;
    }

    /// <summary>A server on a free port of the loopback, ready.</summary>
    public static Task<(ProgramRun Run, IPEndPoint Endpoint)> StartServerAsync(params string[] arguments) =>
        ListeningAsync(Start("Server", ["--port", "0", "--log-directory", "none", .. arguments]));

    /// <summary>A server that answers HTTP too, on a free port of the loopback, ready.</summary>
    public static async Task<(ProgramRun Run, IPEndPoint Endpoint, Uri Admin)> StartWithAdminAsync(params string[] arguments)
    {
        (ProgramRun run, IPEndPoint endpoint) = await StartServerAsync(["--admin", "127.0.0.1:0", .. arguments]);
        string line = await run.LineAsync(AdminLine);
        return (run, endpoint, new Uri(line[(line.IndexOf(AdminLine, StringComparison.Ordinal) + AdminLine.Length)..]));
    }

    /// <summary>Waits until a program says where it listens.</summary>
    public static async Task<(ProgramRun Run, IPEndPoint Endpoint)> ListeningAsync(ProgramRun run)
    {
        string line = await run.LineAsync("listening on ");
        return (run, new IPEndPoint(IPAddress.Loopback, int.Parse(PortAtEnd().Match(line).Value)));
    }

    /// <summary>Waits for a line of standard output that contains <paramref name="text"/>.</summary>
    public async Task<string> LineAsync(string text)
    {
        using var timeout = new CancellationTokenSource(Peer.Patience);
        while (true)
        {
            if (_output.FirstOrDefault(line => line.Contains(text, StringComparison.Ordinal)) is { } found)
            {
                return found;
            }

            if (_process.HasExited)
            {
                _process.WaitForExit(); // for what is still on its way from it
                return _output.FirstOrDefault(line => line.Contains(text, StringComparison.Ordinal))
                    ?? throw new AssertionException($"it ended: {Everything()}");
            }

            Assert.That(timeout.IsCancellationRequested, Is.False, () => $"no '{text}' in: {Everything()}");
            await Task.Delay(2);
        }
    }

    /// <summary>Waits for the end.</summary>
    /// <param name="patience">How long, for a program that has much to do.</param>
    /// <returns>The exit code.</returns>
    public async Task<int> ExitAsync(TimeSpan? patience = null)
    {
        using var timeout = new CancellationTokenSource(patience ?? Peer.Patience);
        await _process.WaitForExitAsync(timeout.Token);
        return _process.ExitCode;
    }

    /// <summary>Sends a signal, as <c>kill</c> does.</summary>
    public void Signal(PosixSignal signal)
    {
        using Process kill = Process.Start("kill", [$"-{signal.ToString()[3..]}", $"{Id}"]);
        kill.WaitForExit(Peer.Patience);
    }

    /// <summary>Kills it, as a crash would end it.</summary>
    public void Kill() => _process.Kill();

    /// <summary>The counters of the server's <c>stopped:</c> line.</summary>
    public Dictionary<string, long> StoppedCounters() => Output.Single(line => line.Contains("stopped:", StringComparison.Ordinal))
        .Split("stopped: ")[1].Split(' ').Select(pair => pair.Split('=')).ToDictionary(pair => pair[0], pair => long.Parse(pair[1]));

    /// <summary>Resident memory, KiB.</summary>
    public long ResidentKiB() => MemoryKiB("VmRSS:");

    /// <summary>Resident memory at its highest so far, KiB.</summary>
    public long PeakResidentKiB() => MemoryKiB("VmHWM:");

    /// <summary>Processor time used so far, in user and kernel.</summary>
    public TimeSpan ProcessorTime()
    {
        _process.Refresh();
        return _process.TotalProcessorTime;
    }

    public string Everything() => string.Join('\n', Output.Concat(Errors));

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit(Peer.Patience); // until then it may write files
        }

        _process.Dispose();
    }

    private long MemoryKiB(string name) => File.ReadLines($"/proc/{Id}/status").Where(line => line.StartsWith(name, StringComparison.Ordinal))
        .Select(line => long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1])).Single();

    private static void Keep(ConcurrentQueue<string> lines, string? line)
    {
        if (line is not null)
        {
            lines.Enqueue(line);
        }
    }

    [GeneratedRegex("[0-9]+$")]
    private static partial Regex PortAtEnd();
}
