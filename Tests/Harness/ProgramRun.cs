using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace DotNettyFraming.Tests.Harness;

/// <summary>One of our programs as a child process; killed when disposed.</summary>
internal sealed partial class ProgramRun : IDisposable
{
    /// <summary>The text before the admin port's address in a server's log.</summary>
    public const string AdminLine = "admin HTTP at ";

    private readonly Process _process;
    private readonly ConcurrentQueue<string> _output = new();
    private readonly ConcurrentQueue<string> _errors = new();

    private ProgramRun(Process process) => _process = process;

    public int Id => _process.Id;

    /// <summary>The lines of standard output so far.</summary>
    public IReadOnlyCollection<string> Output => _output;

    /// <summary>The lines of standard error so far.</summary>
    public IReadOnlyCollection<string> Errors => _errors;

    public static ProgramRun Start(string project, string[] arguments, params (string Name, string Value)[] environment) =>
        StartFile(Repository.Program(project), arguments, environment);

    /// <summary>Starts one of our programs from another folder, or through a program that executes it.</summary>
    public static ProgramRun StartFile(string file, string[] arguments, params (string Name, string Value)[] environment)
    {
        if (arguments.Contains("epoll"))
        {
            Machine.RequireLinux("epoll");
        }

        var start = new ProcessStartInfo(file, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        // The default admin port may be taken, by another test or by a server on this machine.
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

    /// <summary>Starts a server on a free loopback port and waits until it is ready.</summary>
    public static Task<(ProgramRun Run, IPEndPoint Endpoint)> StartServerAsync(params string[] arguments) =>
        ListeningAsync(Start("Server", ["--port", "0", "--log-directory", "none", .. arguments]));

    /// <summary>Starts a server with an admin port, both on free loopback ports, and waits until it is ready.</summary>
    public static async Task<(ProgramRun Run, IPEndPoint Endpoint, Uri Admin)> StartWithAdminAsync(params string[] arguments)
    {
        (ProgramRun run, IPEndPoint endpoint) = await StartServerAsync(["--admin", "127.0.0.1:0", .. arguments]);
        return (run, endpoint, await run.AdminAsync());
    }

    /// <summary>Waits until a program reports its listening address.</summary>
    public static async Task<(ProgramRun Run, IPEndPoint Endpoint)> ListeningAsync(ProgramRun run)
    {
        try
        {
            string line = await run.LineAsync("listening on ");
            return (run, new IPEndPoint(IPAddress.Loopback, int.Parse(PortAtEnd().Match(line).Value)));
        }
        catch
        {
            run.Dispose();
            throw;
        }
    }

    /// <summary>Waits until a server reports its admin port's address.</summary>
    public async Task<Uri> AdminAsync()
    {
        string line = await LineAsync(AdminLine);
        return new Uri(line[(line.IndexOf(AdminLine, StringComparison.Ordinal) + AdminLine.Length)..]);
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
                _process.WaitForExit(); // until its output has arrived
                return _output.FirstOrDefault(line => line.Contains(text, StringComparison.Ordinal))
                    ?? throw new AssertionException($"the program ended: {Everything()}");
            }

            Assert.That(timeout.IsCancellationRequested, Is.False, () => $"no '{text}' in: {Everything()}");
            await Task.Delay(2);
        }
    }

    /// <summary>Waits for the program's end and returns its exit code.</summary>
    public async Task<int> ExitAsync(TimeSpan? patience = null)
    {
        using var timeout = new CancellationTokenSource(patience ?? Peer.Patience);
        await _process.WaitForExitAsync(timeout.Token);
        return _process.ExitCode;
    }

    /// <summary>Sends a signal.</summary>
    public void Signal(PosixSignal signal) => Signals.Send(Id, signal);

    /// <summary>Stops a server with SIGTERM, asserts exit code 0, and returns the counters of its <c>stopped:</c> line.</summary>
    public async Task<Dictionary<string, long>> StopAsync()
    {
        Signal(PosixSignal.SIGTERM);
        Assert.That(await ExitAsync(), Is.Zero, Everything);
        return StoppedCounters();
    }

    /// <summary>Kills the program, as a crash would.</summary>
    public void Kill() => _process.Kill();

    /// <summary>Returns the counters of the server's <c>stopped:</c> line.</summary>
    public Dictionary<string, long> StoppedCounters() => Output.Single(line => line.Contains("stopped:", StringComparison.Ordinal))
        .Split("stopped: ")[1].Split(' ').Select(pair => pair.Split('=')).ToDictionary(pair => pair[0], pair => long.Parse(pair[1]));

    /// <summary>Returns the resident memory in KiB.</summary>
    public long ResidentKiB() => MemoryKiB("VmRSS:");

    /// <summary>Returns the highest resident memory so far in KiB.</summary>
    public long PeakResidentKiB() => MemoryKiB("VmHWM:");

    /// <summary>Returns the CPU time used so far, in user and kernel mode.</summary>
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
            _process.WaitForExit(Peer.Patience); // it may write files until it has ended
        }

        _process.Dispose();
    }

    private long MemoryKiB(string name)
    {
        Machine.RequireLinux("/proc");
        string line = File.ReadLines($"/proc/{Id}/status").Single(line => line.StartsWith(name, StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]);
    }

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
