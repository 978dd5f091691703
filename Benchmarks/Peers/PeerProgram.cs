using System.Globalization;
using System.Net;
using System.Runtime.InteropServices;
using DotNettyFraming.Hosting;
using DotNettyFraming.Hosting.Options;

namespace DotNettyFraming.Benchmarks.Peers;

/// <summary>The mode <c>serve</c>: runs a peer until SIGTERM or SIGINT.</summary>
/// <remarks>
/// The contract of every server in the comparison, ours and the one in Go included: a line that ends in
/// <c>listening on ADDRESS:PORT</c> when it is ready, and <c>packets.processed=N</c> in its last line.
/// </remarks>
internal static class PeerProgram
{
    /// <summary>The mode's name.</summary>
    public const string Mode = "serve";

    /// <summary>The peers by name.</summary>
    public static readonly IReadOnlyDictionary<string, Func<IPeer>> Peers = new Dictionary<string, Func<IPeer>>
    {
        ["floor"] = () => new FloorServer(Environment.ProcessorCount),
        ["stock"] = () => new StockServer(Environment.ProcessorCount),
        ["kestrel"] = () => new KestrelServer(),
    };

    /// <summary>Runs the peer named by the first argument until a signal, and returns the exit code.</summary>
    public static async Task<int> RunAsync(string[] arguments)
    {
        if (arguments.Length == 0 || !Peers.TryGetValue(arguments[0], out Func<IPeer>? make))
        {
            await Console.Error.WriteLineAsync($"{Mode}: name one of {string.Join(", ", Peers.Keys)}");
            return ExitCode.Usage;
        }

        var set = new OptionSet<int>(
            $"{Program.Name} {Mode} {arguments[0]}", "One of the servers that ours is compared with.", EnvironmentPrefix.Benchmarks, 0);
        set.Add(
            "--port", OptionKind.Integer(0, (int)ushort.MaxValue, "PORT"), 0, (_, port) => port,
            "TCP port on 127.0.0.1; 0 picks a free one.");
        ParsedOptions<int> parsed = set.Parse(arguments[1..]);
        if (parsed.Conclude(Console.Out, Console.Error) is int exitCode)
        {
            return exitCode;
        }

        var stop = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        IPeer peer = make();
        IPEndPoint endpoint = await peer.StartAsync(parsed.Options);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"listening on {endpoint}"));
        await stop.Task;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"stopped: packets.processed={peer.PacketsProcessed}"));
        Environment.Exit(ExitCode.Success); // without waiting for the peer's threads: all connections are closed
        return ExitCode.Success;

        void Stop(PosixSignalContext context)
        {
            context.Cancel = true;
            stop.TrySetResult();
        }
    }
}
