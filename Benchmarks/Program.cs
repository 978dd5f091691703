using DotNettyFraming.Benchmarks.Comparison;
using DotNettyFraming.Benchmarks.Load;
using DotNettyFraming.Benchmarks.Micro;
using DotNettyFraming.Benchmarks.Peers;
using DotNettyFraming.Benchmarks.Senders;
using DotNettyFraming.Hosting;

namespace DotNettyFraming.Benchmarks;

/// <summary>The modes of the benchmarks' executable: comparisons, peers, load generator, micro-benchmarks.</summary>
/// <remarks>
/// Folders, in the order of a comparison: <c>Comparison/</c> starts the servers and orders measurements; <c>Peers/</c> and
/// <c>Go/</c> are the servers, one process each; <c>Load/</c> is the load generator, a process too; <c>Report/</c> writes
/// tables, a document and a plot; <c>Interop/</c> has the system calls. <c>Senders/</c> compares our load client with the
/// minimal sender of <c>Load/</c> against one server. <c>Micro/</c> is independent: BenchmarkDotNet.
/// </remarks>
internal static class Program
{
    /// <summary>The executable's name.</summary>
    public const string Name = "DotNettyFraming.Benchmarks";

    private const string Usage = $"""
        {Name} MODE [options]

          compare         measure our server and its peers in turn (compare --help)
                    senders         measure the load client and a minimal sender in turn (senders --help)
                    micro           BenchmarkDotNet: decoder, encoder, event-loop wake-up (micro --help)
                    serve PEER      run one of the peers: floor, stock, kestrel (started by compare)
                    load            the load generator: orders from standard input (started by compare)
                    send            the minimal sender (started by senders)
        """;

    private static async Task<int> Main(string[] arguments)
    {
        string[] options = arguments.Length > 0 ? arguments[1..] : [];
        switch (arguments.FirstOrDefault())
        {
            case CompareCommand.Mode:
                return await CompareCommand.RunAsync(options);
            case SendersCommand.Mode:
                return await SendersCommand.RunAsync(options);
            case MicroCommand.Mode:
                return MicroCommand.Run(options);
            case PeerProgram.Mode:
                return await PeerProgram.RunAsync(options);
            case LoadProgram.Mode:
                return LoadProgram.Run(Console.In, Console.Out);
            case FloorSenderProgram.Mode:
                return await FloorSenderProgram.RunAsync(options);
            case "--help" or "-h":
                Console.WriteLine(Usage);
                return ExitCode.Success;
            default:
                await Console.Error.WriteLineAsync(Usage);
                return ExitCode.Usage;
        }
    }
}
