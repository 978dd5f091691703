using System.Diagnostics;
using System.Net.Sockets;
using System.Text.Json;
using DotNettyFraming.Benchmarks.Interop;
using DotNettyFraming.CommandLine;

namespace DotNettyFraming.Benchmarks.Load;

/// <summary>What the <see cref="FloorSender"/> did: a line of JSON on its standard output.</summary>
/// <param name="Packets">Packets whose every byte the kernel took; the server counts each of them and no other.</param>
/// <param name="Seconds">How long it sent.</param>
/// <param name="CpuSeconds">Processor time that it took for that, user and system.</param>
/// <param name="ConnectSeconds">How long it took to make the connections, one behind the other.</param>
internal sealed record FloorSenderReport(long Packets, double Seconds, double CpuSeconds, double ConnectSeconds);

/// <summary>The mode <c>send</c>: the <see cref="FloorSender"/> as a process of its own, once.</summary>
internal static class FloorSenderProgram
{
    /// <summary>The mode's name.</summary>
    public const string Mode = "send";

    private const int ArticlePayload = 25;

    /// <summary>Connects, sends, waits until the server has closed, reports.</summary>
    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync(string[] arguments)
    {
        var set = new OptionSet($"{Program.Name} {Mode}", "The least that a sender can be.", EnvironmentPrefix.Benchmarks);
        OptionDeclaration<int> port = set.Number("--port", "PORT", 9999, "The server's TCP port on 127.0.0.1.", 1, ushort.MaxValue);
        OptionDeclaration<int> connections = set.Number("--connections", "N", 100, "Connections to make.", 1, 1_000_000);
        OptionDeclaration<int> packets = set.Number("--packets-per-write", "N", 1, "Packets of 32 bytes in one write.", 1, 100_000);
        OptionDeclaration<TimeSpan> duration = set.Duration(
            "--duration", TimeSpan.FromSeconds(3), "How long to send.", TimeSpan.FromMilliseconds(1), TimeSpan.FromHours(1));
        ParseOutcome outcome = set.Parse(arguments);
        if (outcome.Conclude(Console.Out, Console.Error) is int exitCode)
        {
            return exitCode;
        }

        var load = new Workload("", outcome.Value(connections), outcome.Value(packets), ArticlePayload, WritesASecond: 0);
        try
        {
            Console.WriteLine(JsonSerializer.Serialize(Send(outcome.Value(port), load, outcome.Value(duration))));
            return ExitCode.Success;
        }
        catch (Exception e) when (e is SocketException or IOException)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return ExitCode.CannotRun;
        }
    }

    private static FloorSenderReport Send(int port, Workload load, TimeSpan duration)
    {
        var own = new ProcessAccounts(Environment.ProcessId);
        long start = Stopwatch.GetTimestamp();
        using FloorSender sender = FloorSender.Open(port, load);
        TimeSpan connecting = Stopwatch.GetElapsedTime(start);
        long cpu = own.CpuNanoseconds;
        TimeSpan sending = sender.Send(duration);
        cpu = own.CpuNanoseconds - cpu;
        sender.Finish();
        return new FloorSenderReport(sender.Packets, sending.TotalSeconds, cpu / 1e9, connecting.TotalSeconds);
    }
}
