using System.Diagnostics;
using System.Net.Sockets;
using System.Text.Json;
using DotNettyFraming.Benchmarks.Interop;
using DotNettyFraming.Hosting;
using DotNettyFraming.Hosting.Options;

namespace DotNettyFraming.Benchmarks.Load;

/// <summary>The report of a <see cref="FloorSender"/>: one line of JSON on standard output.</summary>
/// <param name="Packets">Packets that the kernel took whole; the server counts these and no others.</param>
/// <param name="Seconds">The time of sending.</param>
/// <param name="CpuSeconds">The CPU time of sending, user and system.</param>
/// <param name="ConnectSeconds">The time of connecting, one connection after the other.</param>
internal sealed record FloorSenderReport(long Packets, double Seconds, double CpuSeconds, double ConnectSeconds);

/// <summary>The mode <c>send</c>: one run of the <see cref="FloorSender"/> in its own process.</summary>
internal static class FloorSenderProgram
{
    /// <summary>The mode's name.</summary>
    public const string Mode = "send";

    private const int DefaultPayload = 25;

    /// <summary>Connects, sends, waits until the server has closed, reports, and returns the exit code.</summary>
    public static async Task<int> RunAsync(string[] arguments)
    {
        (int Port, int Connections, int Packets, TimeSpan Duration) none = (9999, 100, 1, TimeSpan.FromSeconds(3));
        var set = new OptionSet<(int Port, int Connections, int Packets, TimeSpan Duration)>(
            $"{Program.Name} {Mode}", "A minimal sender.", EnvironmentPrefix.Benchmarks, none);
        set.Add(
            "--port", OptionKind.Integer(1, (int)ushort.MaxValue, "PORT"), none.Port, (o, v) => o with { Port = v },
            "The server's TCP port on 127.0.0.1.");
        set.Add(
            "--connections", OptionKind.Integer(1, 1_000_000), none.Connections, (o, v) => o with { Connections = v },
            "Connections to make.");
        set.Add(
            "--packets-per-write", OptionKind.Integer(1, 100_000), none.Packets, (o, v) => o with { Packets = v },
            "Packets of 32 bytes in one write.");
        set.Add(
            "--duration", OptionKind.Duration(TimeSpan.FromMilliseconds(1), TimeSpan.FromHours(1)), none.Duration,
            (o, v) => o with { Duration = v }, "Time of sending.");
        ParsedOptions<(int Port, int Connections, int Packets, TimeSpan Duration)> parsed = set.Parse(arguments);
        if (parsed.Conclude(Console.Out, Console.Error) is int exitCode)
        {
            return exitCode;
        }

        var load = new Workload("", parsed.Options.Connections, parsed.Options.Packets, DefaultPayload, WritesPerSecond: 0);
        try
        {
            Console.WriteLine(JsonSerializer.Serialize(Send(parsed.Options.Port, load, parsed.Options.Duration)));
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
