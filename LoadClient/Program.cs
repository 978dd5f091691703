using DotNettyFraming.Hosting;
using DotNettyFraming.Hosting.Logging;
using DotNettyFraming.Hosting.Options;

namespace DotNettyFraming.LoadClient;

/// <summary>The entry point: signals and the console.</summary>
/// <remarks>
/// The folders in the order of a run: <see cref="LoadCommand"/> reads the <c>Options/</c> and starts a <see cref="LoadRun"/>.
/// <c>Connecting/</c> makes the connections. In <c>Sending/</c>, each event loop has a <see cref="Sending.LoadLoop"/>, each connection
/// a <see cref="Sending.SendingHandler"/> that sends its share of the <see cref="Sending.PacketTape"/>, and an
/// <see cref="Sending.IPacing"/> decides which connection writes next. <c>Measuring/</c> counts, <c>Abuse/</c> attacks,
/// <c>Verification/</c> reads the server's statistics, and <c>Reporting/</c> shows the results.
/// </remarks>
internal static class Program
{
    public const string Name = "DotNettyFraming.LoadClient"; // the executable's name

    private static async Task<int> Main(string[] arguments)
    {
        using var signals = new StopSignals();
        ForgivingConsole.Install();
        return await LoadCommand.RunAsync(
            arguments,
            ProgramEnvironment.OfProcess(),
            StandardStreams.OfConsole(),
            directory => ProgramLogging.Start(Name, directory),
            signals.Requested);
    }
}
