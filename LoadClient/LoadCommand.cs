using System.Net;
using System.Net.Sockets;
using DotNettyFraming.Hosting;
using DotNettyFraming.Hosting.Logging;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.LoadClient.Acknowledging;
using DotNettyFraming.LoadClient.Connecting;
using DotNettyFraming.LoadClient.Options;
using DotNettyFraming.LoadClient.Reporting;
using DotNettyFraming.LoadClient.Sending;
using DotNettyFraming.LoadClient.Verification;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace DotNettyFraming.LoadClient;

/// <summary>The program from the command line to the exit code; console and signals are arguments, so that tests can run it.</summary>
internal static class LoadCommand
{
    public static async Task<int> RunAsync(
        IReadOnlyList<string> arguments,
        IReadOnlyDictionary<string, string> environment,
        StandardStreams streams,
        Func<LogDirectory, ProgramLogging>? startLogging,
        CancellationToken stop)
    {
        ParsedOptions<LoadOptions> parsed = LoadOptionDeclarations.Declare().Parse(arguments, environment);
        LoadOptions options = LoadOptionDeclarations.Read(parsed);
        if (parsed.Conclude(streams.Output, streams.Error) is int exitCode)
        {
            return exitCode;
        }

        try
        {
            OpenFileLimit.Require(OpenFileLimit.RuntimeFiles);

            // Before any DotNetty class loads: each gets its logger then.
            using ProgramLogging? logging = startLogging?.Invoke(options.LogDirectory);
            ILogger logger = (logging?.Factory ?? NullLoggerFactory.Instance).CreateLogger(Program.Name);
            foreach (string warning in parsed.Warnings)
            {
                LoadClientLog.OptionWarning(logger, warning);
            }

            return await RunAsync(options, streams, logger, stop);
        }
        catch (StartupException exception)
        {
            await streams.Error.WriteLineAsync(exception.Message);
            return ExitCode.CannotRun;
        }
    }

    private static async Task<int> RunAsync(LoadOptions options, StandardStreams streams, ILogger logger, CancellationToken stop)
    {
        EndPoint[] targets = await ResolveAsync(options, stop);
        string server = string.Join(" or ", targets.Select(AddressText.Format));
        await using ReportFile? json = ReportFile.Open("--json", options.JsonFile);
        await using ReportFile? html = ReportFile.Open("--html", options.HtmlFile);
        await using ReportFile? ackLog = ReportFile.Open("--ack-log", options.AckLogFile);
        PacketTape tape = options.RawFile is null
            ? new PacketTape(options.Payload, options.PacketsPerWrite, options.Seed)
            : new PacketTape(ReadRaw(options.RawFile, options.PacketsPerWrite), options.PacketsPerWrite);
        ClientTls? tls = ClientTls.Of(options);
        int sources = options.UnixPath is null ? Math.Max(1, options.Sources.Count) : 0;
        ConnectionCap cap = ConnectionCap.Read(options.Connections, sources, options.Abuse?.Connections ?? 0);
        if (cap.Message is not null)
        {
            await streams.Error.WriteLineAsync(cap.Message);
        }

        using Verifier? verifier = await BeginVerificationAsync(options, stop);
        LoadTransport transport = LoadTransport.Of(options.Transport, options.EventLoops);
        var run = new LoadRun(options, cap.Connections, tape, targets, transport, tls, TimeProvider.System, logger);
        await streams.Output.WriteLineAsync(Summary.Heading(options, cap.Connections, server));
        RunReport report = await Progress.ShowAsync(run, options, streams, stop);
        if (ackLog is not null)
        {
            await ackLog.WriteAsync(AckLog.ToUtf8(report.AckLines!)); // first: verification takes time
        }

        if (verifier is not null)
        {
            report = report with { Verification = await verifier.EndAsync(report.Sent, CancellationToken.None) };
        }

        await streams.Output.WriteAsync(Summary.Of(report));
        foreach (string line in Summary.Complaints(report, server))
        {
            await streams.Error.WriteLineAsync(line);
        }

        if (json is not null)
        {
            await json.WriteAsync(JsonReport.Serialize(report));
        }

        if (html is not null)
        {
            await html.WriteAsync(HtmlReport.ToUtf8(report, server, DateTimeOffset.Now));
        }

        return report.ExitCode;
    }

    private static byte[] ReadRaw(string file, int packetsPerWrite)
    {
        try
        {
            long bytes = new FileInfo(file).Length * packetsPerWrite;
            return bytes is > 0 and <= LoadOptionDeclarations.MaxBytesPerWrite
                ? File.ReadAllBytes(file)
                : throw new StartupException(
                    $"--raw: '{file}' gives writes of {bytes} bytes (1 to {LoadOptionDeclarations.MaxBytesPerWrite} are possible)");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new StartupException($"--raw: '{file}' cannot be read: {exception.Message}", exception);
        }
    }

    private static async Task<Verifier?> BeginVerificationAsync(LoadOptions options, CancellationToken stop)
    {
        try
        {
            return options.Verify is { } url
                ? await Verifier.BeginAsync(new StatisticsClient(url, TimeProvider.System), TimeProvider.System, stop)
                : null;
        }
        catch (OperationCanceledException)
        {
            throw new StartupException("stopped before anything was sent");
        }
    }

    /// <summary>Returns all addresses of the server, IPv4 first, as most servers listen there.</summary>
    private static async Task<EndPoint[]> ResolveAsync(LoadOptions options, CancellationToken stop)
    {
        if (options.UnixPath is { } path)
        {
            return [new UnixDomainSocketEndPoint(path)];
        }

        if (IPAddress.TryParse(options.Host, out IPAddress? literal))
        {
            return [new IPEndPoint(literal, options.Port)];
        }

        try
        {
            IPAddress[] addresses = await Dns.GetHostAddressesAsync(options.Host, stop);
            return
            [
                .. addresses.Distinct().OrderBy(address => address.AddressFamily != AddressFamily.InterNetwork)
                    .Select(address => new IPEndPoint(address, options.Port)),
            ];
        }
        catch (Exception exception) when (exception is SocketException or ArgumentException or OperationCanceledException)
        {
            throw new StartupException($"--host '{options.Host}' is not known: {exception.Message}", exception);
        }
    }
}

/// <summary>The streams of the console or of a test.</summary>
internal sealed record StandardStreams(TextWriter Output, TextWriter Error, bool OutputIsTerminal)
{
    public static StandardStreams OfConsole() => new(Console.Out, Console.Error, !Console.IsOutputRedirected);
}

/// <summary>The exit codes of the load client, next to <see cref="Hosting.ExitCode"/>.</summary>
/// <remarks>If several apply, the first of 2 (usage), 1 (could not run), 3, 5 and 4.</remarks>
internal static class LoadExitCode
{
    public const int VerificationFailed = 3; // --verify: a difference, or no answer; --ack: a wrong acknowledgement
    public const int HostileConnectionOutlived = 5; // --abuse: a hostile connection was open after --abuse-deadline

    /// <summary>Connections failed, were capped or lost, or all ended before the duration or before <c>--packets</c> were sent.</summary>
    /// <remarks>If the server closes only some during the run, they are counted and the exit code is 0.</remarks>
    public const int SomeConnectionsFailed = 4;
}
