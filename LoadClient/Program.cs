using DotNettyFraming.Hosting;
using DotNettyFraming.Hosting.Logging;
using DotNettyFraming.Hosting.Options;

namespace DotNettyFraming.LoadClient;

/// <summary>Where the process begins: signals and the console; everything else is <see cref="LoadCommand"/>.</summary>
/// <remarks>
/// # Layout, in the order in which a run meets them
/// <see cref="LoadCommand"/> reads the <c>Options/</c>, looks for what could stop the run, and reports it.
/// <see cref="LoadRun"/> is the run. <c>Connecting/</c> makes the connections; in <c>Sending/</c> a <see cref="Sending.LoadLoop"/> for each
/// event loop holds them, a <see cref="Sending.SendingHandler"/> for each sends its share of the <see cref="Sending.PacketTape"/>, and an
/// <see cref="Sending.IPacing"/> says whose turn it is. <c>Measuring/</c> counts; <c>Abuse/</c> attacks; <c>Verification/</c> asks the
/// server what it got; <c>Reporting/</c> shows it all.
/// </remarks>
internal static class Program
{
    public const string Name = "DotNettyFraming.LoadClient"; // the executable's name

    private static async Task<int> Main(string[] arguments)
    {
        using var signals = new StopSignals();
        ForgivingConsole.Install();

        return await LoadCommand.RunAsync(
            arguments, ProgramEnvironment.OfProcess(), StandardStreams.OfConsole(), directory => ProgramLogging.Start(Name, directory), signals.Requested);
    }
}
