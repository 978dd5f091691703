using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using DotNettyFraming.Tests.Harness;

namespace DotNettyFraming.Tests.Programs;

/// <summary>FAULTS 27: hostile peers with Debug logging on, libraries included.</summary>
[CancelAfter(120_000)]
[Category("Slow")]
public sealed partial class LogFloodTests
{
    private const int LinesPerSecond = 200;
    private const int LeastConnections = 6000;

    private static readonly TimeSpan FloodTime = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan FloodLimit = TimeSpan.FromSeconds(60);

    [Test]
    public async Task Hostile_connections_cannot_flood_or_forge_the_log_at_Debug()
    {
        string folder = Directory.CreateTempSubdirectory("framing-flood-").FullName;
        try
        {
            using ProgramRun server = StartAtDebug(folder);
            (_, IPEndPoint endpoint) = await ProgramRun.ListeningAsync(server);
            long made = await FloodAsync(endpoint);
            Dictionary<string, long> counters = await server.StopAsync();

            byte[] file = await File.ReadAllBytesAsync(Directory.GetFiles(Path.Combine(folder, "logs")).Single());
            string[] lines = await File.ReadAllLinesAsync(Directory.GetFiles(Path.Combine(folder, "logs")).Single());
            Assert.Multiple(() =>
            {
                Assert.That(counters["connections.closed.InvalidPrefix"], Is.EqualTo(made));
                Assert.That(MostInASecond(lines), Is.LessThanOrEqualTo(LinesPerSecond), "file");
                Assert.That(MostInASecond(server.Output), Is.LessThanOrEqualTo(LinesPerSecond), "standard output");
                Assert.That(file.Where(value => value is < 0x20 and not (byte)'\n' or 0x7F), Is.Empty, "raw control bytes");
                Assert.That(lines.Sum(ConnectionsReported), Is.EqualTo(made), "written or counted in a summary");
            });
            TestContext.Out.WriteLine($"{made} connections, {lines.Length} lines, at most {MostInASecond(lines)} per second");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Starts a copy of the server with its own nlog.config at Debug.</summary>
    private static ProgramRun StartAtDebug(string folder)
    {
        string built = Repository.Program("Server");
        foreach (string file in Directory.GetFiles(Path.GetDirectoryName(built)!))
        {
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        }

        string configuration = Path.Combine(folder, "nlog.config");
        string text = File.ReadAllText(configuration)
            .Replace("minlevel=\"Info\"", "minlevel=\"Debug\"", StringComparison.Ordinal)
            .Replace("finalMinLevel=\"Warn\"", "finalMinLevel=\"Debug\"", StringComparison.Ordinal);
        File.WriteAllText(configuration, text);
        return ProgramRun.StartFile(
            Path.Combine(folder, Path.GetFileName(built)), ["--port", "0", "--log-directory", Path.Combine(folder, "logs")]);
    }

    /// <summary>Connects on four threads in a loop; each peer sends terminal control characters and waits for its close.</summary>
    private static async Task<long> FloodAsync(IPEndPoint server)
    {
        long made = 0;
        long start = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Factory.StartNew(
            () =>
            {
                byte[] bytes = "\u001B[2J\r\n2026-11-23 06:00:00.123 INFO  Lifecycle stopped: \u0007"u8.ToArray();
                while (Stopwatch.GetElapsedTime(start) < FloodTime || Interlocked.Read(ref made) < LeastConnections)
                {
                    Assert.That(Stopwatch.GetElapsedTime(start), Is.LessThan(FloodLimit));
                    using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp)
                    {
                        ReceiveTimeout = (int)Peer.Patience.TotalMilliseconds,
                        SendTimeout = (int)Peer.Patience.TotalMilliseconds,
                        LingerState = new LingerOption(true, 0), // its port is free again immediately
                    };
                    socket.Connect(server);
                    Interlocked.Increment(ref made);
                    socket.Send(bytes);
                    Assert.That(socket.Receive(new byte[1], SocketFlags.None, out SocketError error), Is.Zero, () => $"{error}");
                }
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default)));
        return made;
    }

    private static int MostInASecond(IReadOnlyCollection<string> lines)
    {
        DateTime[] times = [.. lines.Select(line =>
            DateTime.ParseExact(line[..23], "yyyy-MM-dd HH:mm:ss.fff", CultureInfo.InvariantCulture)).Order()];
        return times.Select((time, first) => times.Skip(first).TakeWhile(later => later - time < TimeSpan.FromSeconds(1)).Count()).Max();
    }

    /// <summary>Returns the number of closed connections that a line reports.</summary>
    private static long ConnectionsReported(string line) =>
        SumOfCloses().Match(line) is { Success: true } sum ? long.Parse(sum.Groups[1].Value, CultureInfo.InvariantCulture)
        : line.EndsWith(" closed: InvalidPrefix", StringComparison.Ordinal) ? 1 : 0;

    [GeneratedRegex(@" … and (\d+) more in the last \d+ s: connection \{Id\} from \{Peer\} closed: \{Reason\}$")]
    private static partial Regex SumOfCloses();
}
