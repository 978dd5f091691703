using DotNettyFraming.Benchmarks.Comparison;
using DotNettyFraming.Benchmarks.Load;
using DotNettyFraming.Benchmarks.Micro;
using DotNettyFraming.Benchmarks.Peers;
using DotNettyFraming.Benchmarks.Senders;
using DotNettyFraming.Hosting;

namespace DotNettyFraming.Benchmarks;

/// <summary>
/// Several programs in one: the two comparisons, the servers and the sender that they compare with, a load generator, the micro-benchmarks.
/// </summary>
/// <remarks>
/// # Layout, in the order in which a comparison meets them
/// <c>Comparison/</c> starts the servers and asks for measurements in turn; <c>Peers/</c> (and <c>Go/</c>) are those servers, each a
/// process; <c>Load/</c> is the load generator, a process too; <c>Report/</c> makes tables, a document and a plot of what came out.
/// <c>Interop/</c> are the system calls. <c>Senders/</c> turns it round: one of the servers, and our load client beside the least that a
/// sender can be (in <c>Load/</c>). <c>Micro/</c> is apart from all that: BenchmarkDotNet.
/// </remarks>
internal static class Program
{
    /// <summary>The executable's name.</summary>
    public const string Name = "DotNettyFraming.Benchmarks";

    private const string Usage = $"""
        {Name} MODE [options]

          compare         measure our server and its peers on this machine, in turn (compare --help)
          senders         measure the load client and the least that a sender can be, in turn (senders --help)
          micro           BenchmarkDotNet: decoder, encoder, event-loop wake-up (micro --help)
          serve PEER      run one of the peers: floor, stock, kestrel (compare does it)
          load            the load generator, which takes orders from standard input (compare does it)
          send            the least that a sender can be (senders does it)
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
