using System.Collections;
using DotNettyFraming.CommandLine;
using DotNettyFraming.CommandLine.Logging;
using DotNettyFraming.LoadClient.Connecting;
using DotNettyFraming.LoadClient.Measuring;
using DotNettyFraming.LoadClient.Reporting;
using DotNettyFraming.LoadClient.Sending;

namespace DotNettyFraming.LoadClient;

/// <summary>Where the process begins: signals and the console; everything else is <see cref="LoadCommand"/>.</summary>
/// <remarks>
/// # Layout, in the order in which a run meets them
/// <see cref="LoadCommand"/> reads the options, looks for what could stop the run, and reports it.
/// <see cref="LoadRun"/> is the run: <see cref="ConnectionRamp"/> makes the connections, a <see cref="LoadLoop"/> for each event loop
/// holds them, a <see cref="SendingHandler"/> for each connection sends its share of the <see cref="PacketTape"/>.
/// <see cref="LoadCounters"/> counts; <see cref="RunReport"/> is what is left at the end, and <see cref="Summary"/> and
/// <see cref="JsonReport"/> show it.
/// </remarks>
internal static class Program
{
    /// <summary>The executable's name.</summary>
    public const string Name = "DotNettyFraming.LoadClient";

    private static async Task<int> Main(string[] arguments)
    {
        using var signals = new StopSignals();
        ForgivingConsole.Install();

        var environment = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (DictionaryEntry variable in Environment.GetEnvironmentVariables())
        {
            environment[(string)variable.Key] = (string?)variable.Value ?? "";
        }

        return await LoadCommand.RunAsync(
            arguments, environment, StandardStreams.OfConsole(), directory => ProgramLogging.Start(Name, directory), signals.Requested);
    }
}
