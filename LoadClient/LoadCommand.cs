using System.Net;
using System.Net.Sockets;
using DotNettyFraming.CommandLine;
using DotNettyFraming.CommandLine.Logging;
using DotNettyFraming.LoadClient.Connecting;
using DotNettyFraming.LoadClient.Options;
using DotNettyFraming.LoadClient.Reporting;
using DotNettyFraming.LoadClient.Verification;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace DotNettyFraming.LoadClient;

/// <summary>From the command line to the exit code; the console and the signals come from outside, so that tests can run it too.</summary>
internal static class LoadCommand
{
    /// <summary>Runs the load client.</summary>
    /// <param name="arguments">The command line, without the program's name.</param>
    /// <param name="environment">Variables by name.</param>
    /// <param name="streams">Where it writes.</param>
    /// <param name="startLogging">Starts the log; null for none.</param>
    /// <param name="stop">Ends the run early, with the full report.</param>
    /// <returns>The exit code.</returns>
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

            // Before any DotNetty class is loaded: each takes its logger once.
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
        IPEndPoint target = await ResolveAsync(options, stop);
        await using ReportFile? json = ReportFile.Open("--json", options.JsonFile);
        await using ReportFile? html = ReportFile.Open("--html", options.HtmlFile);
        ClientTls? tls = ClientTls.Of(options);
        ConnectionCap cap = ConnectionCap.Read(options.Connections, Math.Max(1, options.Sources.Count), otherFiles: options.Abuse?.Connections ?? 0);
        if (cap.Message is not null)
        {
            await streams.Error.WriteLineAsync(cap.Message);
        }

        using Verifier? verifier = await BeginVerificationAsync(options, stop);
        LoadTransport transport = LoadTransport.Of(options.Transport, options.EventLoops, target.AddressFamily);
        var run = new LoadRun(options, cap.Connections, target, transport, tls, TimeProvider.System, logger);
        await streams.Output.WriteLineAsync(Summary.Heading(options, cap.Connections, target));
        RunReport report = await Progress.ShowAsync(run, options, streams, stop);
        if (verifier is not null)
        {
            report = report with { Verification = await verifier.EndAsync(report.Sent, CancellationToken.None) };
        }

        await streams.Output.WriteAsync(Summary.Of(report));
        foreach (string line in Summary.Complaints(report, target))
        {
            await streams.Error.WriteLineAsync(line);
        }

        if (json is not null)
        {
            await json.WriteAsync(JsonReport.Serialize(report));
        }

        if (html is not null)
        {
            await html.WriteAsync(HtmlReport.ToUtf8(report, target, DateTimeOffset.Now));
        }

        return report.ExitCode;
    }

    private static async Task<Verifier?> BeginVerificationAsync(LoadOptions options, CancellationToken stop)
    {
        try
        {
            return options.Verify is { } url ? await Verifier.BeginAsync(url, TimeProvider.System, stop) : null;
        }
        catch (OperationCanceledException)
        {
            throw new StartupException("stopped before anything was sent");
        }
    }

    private static async Task<IPEndPoint> ResolveAsync(LoadOptions options, CancellationToken stop)
    {
        if (IPAddress.TryParse(options.Host, out IPAddress? literal))
        {
            return new IPEndPoint(literal, options.Port);
        }

        try
        {
            IPAddress[] addresses = await Dns.GetHostAddressesAsync(options.Host, stop);
            IPAddress? ipv4 = Array.Find(addresses, address => address.AddressFamily == AddressFamily.InterNetwork);
            return new IPEndPoint(ipv4 ?? addresses[0], options.Port);
        }
        catch (Exception exception) when (exception is SocketException or ArgumentException or OperationCanceledException)
        {
            throw new StartupException($"--host '{options.Host}' is not known: {exception.Message}", exception);
        }
    }
}
