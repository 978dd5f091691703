using System.Buffers.Binary;
using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using DotNettyFraming.Tests.Harness;
using DotNettyFraming.Tests.Server.Storage;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Programs;

/// <summary>FAULTS 34 with power cuts: what the disk may hold at any moment has every packet acknowledged before.</summary>
/// <remarks>
/// A server runs under strace, which records writes, syncs and acknowledgements with their data. An image is what a cut at one of these
/// calls may leave: all that was synced, and of the rest a random part.
/// </remarks>
[Category("Slow")]
[CancelAfter(3_600_000)]
public sealed partial class PowerCutTests
{
    private const int Clients = 4;

    [Test]
    public async Task Nothing_acknowledged_is_missing_after_a_power_cut()
    {
        using var directory = new TemporaryDirectory();
        string store = Path.Combine(directory.Path, "store");
        string trace = Path.Combine(directory.Path, "trace");
        await RecordAsync(store, trace, packets: Scale.Of(gate: 150, full: 1500));

        string[] lines = await File.ReadAllLinesAsync(trace);
        var random = new Random(1);
        int[] cuts = [.. Enumerable.Range(0, Scale.Of(gate: 40, full: 200)).Select(_ => random.Next(lines.Length)).Order()];
        var disk = new RecordedDisk(store);
        int at = 0;
        int losses = 0;
        foreach (int cut in cuts)
        {
            for (; at < cut; at++)
            {
                disk.Replay(lines[at]);
            }

            using var image = new TemporaryDirectory(inMemory: true);
            losses += disk.Write(image.Path, random) ? 1 : 0;
            string what = $"line {cut} of {lines.Length}";
            string[] warnings;
            using (var rig = new StoreRig(image.Path, rules => rules with { Node = null }))
            {
                warnings = [.. rig.Warnings];
            }

            AssertStored(image.Path, disk.Acknowledged, $"{what}: {string.Join(", ", warnings)}");
        }

        TestContext.Out.WriteLine($"{cuts.Length} images, {losses} lost unsynced data; {disk.Acknowledged.Values.Sum()} acknowledged");
        Assert.That(disk.Acknowledged, Has.Count.EqualTo(Clients));
        Assert.That(losses, Is.GreaterThan(cuts.Length / 4));
    }

    /// <summary>Runs a server and some clients; a client's packets have its port and their number as text.</summary>
    private static async Task RecordAsync(string store, string trace, int packets)
    {
        using ProgramRun server = ProgramRun.StartFile(
            InstalledProgram.Find("strace"),
            [
                "-D", "-f", "-yy", "-xx", "-qq", "--seccomp-bpf", "-s", "2000000", "-o", trace,
                "-e", "trace=openat,close,pwrite64,write,ftruncate,unlink,rename,fsync,fdatasync,sendto",
                Repository.Program("Server"), "--address", "127.0.0.1", "--port", "0", "--log-directory", "none", "--store", store,
                "--store-segment", "1MiB", "--store-commit-interval", "0", "--ack", "stored", "--ack-interval", "0",
            ]);
        (_, IPEndPoint endpoint) = await ProgramRun.ListeningAsync(server);
        await Task.WhenAll(Enumerable.Range(0, Clients).Select(_ => SendAsync(endpoint, packets)));
        await server.StopAsync();
    }

    private static async Task SendAsync(IPEndPoint endpoint, int packets)
    {
        using Peer peer = await Peer.ConnectAsync(endpoint);
        Task closed = peer.ClosedByServerAsync();
        int port = ((IPEndPoint)peer.Socket.LocalEndPoint!).Port;
        for (int i = 0; i < packets; i++)
        {
            await peer.SendAsync(Of(Encoding.ASCII.GetBytes($"{port}/{i}".PadRight(i % 5 * 1500))));
        }

        peer.Finish();
        await closed;
    }

    private static void AssertStored(string directory, Dictionary<string, long> acknowledged, string what)
    {
        StoreRig.AssertSerials(directory, acknowledged, what);

        // A start keeps a copy of a torn transaction whose last page is complete: it looks like a damaged one.
        Assert.That(StoreRig.Verify(directory).Lines[..^1].Where(line => !line.EndsWith(" was set aside at a start")), Is.Empty, what);
    }

    /// <summary>A disk, rebuilt from the system calls of one process as <c>strace -f -yy -xx</c> records them.</summary>
    private sealed partial class RecordedDisk(string folder)
    {
        private readonly Dictionary<string, string> _unfinished = [];
        private readonly Dictionary<int, Inode?> _open = [];
        private readonly Dictionary<string, Inode> _names = [];
        private readonly Dictionary<string, Inode> _durableNames = [];
        private readonly List<Action<Dictionary<string, Inode>>> _unsyncedNames = [];

        /// <summary>The newest number acknowledged, per port of a client.</summary>
        public Dictionary<string, long> Acknowledged { get; } = [];

        /// <summary>Replays a line. A call counts when it returns, an acknowledgement when it starts.</summary>
        public void Replay(string line)
        {
            string[] parts = line.Split(' ', 2, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
            (string thread, string call) = (parts[0], parts[1]);
            if (Resumed().Match(call) is { Success: true } resumed)
            {
                if (_unfinished.Remove(thread, out string? start))
                {
                    Do(start + call[resumed.Length..]); // else an acknowledgement, which has counted
                }
            }
            else if (call.StartsWith("sendto(", StringComparison.Ordinal))
            {
                Acknowledge(call);
            }
            else if (call.EndsWith(" <unfinished ...>", StringComparison.Ordinal))
            {
                _unfinished[thread] = call[..^" <unfinished ...>".Length];
            }
            else
            {
                Do(call);
            }
        }

        /// <summary>Writes what a power cut at this moment may leave.</summary>
        /// <returns>Whether something was not synced.</returns>
        public bool Write(string target, Random random)
        {
            var names = new Dictionary<string, Inode>(_durableNames);
            _unsyncedNames.Take(random.Next(_unsyncedNames.Count + 1)).ToList().ForEach(change => change(names));
            int loss = random.Next(4);
            bool unsynced = false;
            foreach ((string name, Inode inode) in names.Where(file => !file.Key.EndsWith("-shm", StringComparison.Ordinal)))
            {
                unsynced |= inode.Unsynced.Count > 0;
                File.WriteAllBytes(Path.Combine(target, name), inode.AfterCut(loss, random));
            }

            return unsynced;
        }

        private void Do(string call)
        {
            if (Call().Match(call) is not { Success: true } match)
            {
                return; // a signal, or the end of a thread
            }

            long result = long.Parse(match.Groups["result"].Value);
            if (result < 0)
            {
                return;
            }

            string[] arguments = match.Groups["arguments"].Value.Split(", ");
            int descriptor = Number().Match(arguments[0]) is { Success: true } number ? int.Parse(number.Value) : -1;
            switch (match.Groups["name"].Value)
            {
                case "openat":
                    Open((int)result, Bytes(arguments[1]), arguments[2]);
                    break;
                case "close":
                    _open.Remove(descriptor);
                    break;
                case "unlink" when NameOf(arguments[0]) is { } name:
                    Change(names => names.Remove(name));
                    break;
                case "rename" when NameOf(arguments[0]) is { } from && NameOf(arguments[1]) is { } to:
                    Change(names =>
                    {
                        if (names.Remove(from, out Inode? moved))
                        {
                            names[to] = moved;
                        }
                    });
                    break;
                case var change when _open.TryGetValue(descriptor, out Inode? inode):
                    Do(change, inode, arguments, result);
                    break;
            }
        }

        private void Do(string name, Inode? inode, string[] arguments, long result)
        {
            switch (name)
            {
                case "fsync" or "fdatasync" when inode is null:
                    _unsyncedNames.ForEach(change => change(_durableNames));
                    _unsyncedNames.Clear();
                    break;
                case "fsync" or "fdatasync":
                    inode.Sync();
                    break;
                case "ftruncate":
                    inode!.Unsynced.Add(new Change(long.Parse(arguments[1]), null));
                    break;
                case "pwrite64":
                    byte[] bytes = Bytes(arguments[1]);
                    Assert.That(bytes, Has.Length.EqualTo(result));
                    inode!.Unsynced.Add(new Change(long.Parse(arguments[3]), bytes));
                    break;
                default:
                    Assert.Fail($"the recorded disk does not know {name}");
                    break;
            }
        }

        private void Open(int descriptor, byte[] path, string flags)
        {
            string full = Encoding.UTF8.GetString(path);
            _open.Remove(descriptor);
            if (full == folder)
            {
                _open[descriptor] = null;
            }
            else if (Path.GetDirectoryName(full) == folder)
            {
                string name = Path.GetFileName(full);
                if (!_names.TryGetValue(name, out Inode? inode))
                {
                    inode = new Inode();
                    Change(names => names[name] = inode);
                }

                if (flags.Contains("O_TRUNC"))
                {
                    inode.Unsynced.Add(new Change(0, null));
                }

                _open[descriptor] = inode;
            }
        }

        private void Change(Action<Dictionary<string, Inode>> change)
        {
            change(_names);
            _unsyncedNames.Add(change);
        }

        private string? NameOf(string argument)
        {
            string path = Encoding.UTF8.GetString(Bytes(argument));
            return Path.GetDirectoryName(path) == folder ? Path.GetFileName(path) : null;
        }

        private void Acknowledge(string call)
        {
            const int AcknowledgementBytes = 15;
            if (Sent().Match(call) is { Success: true } sent)
            {
                byte[] bytes = Bytes(sent.Groups["bytes"].Value);
                Assert.That(bytes.Length % AcknowledgementBytes, Is.Zero, call);
                Acknowledged[sent.Groups["port"].Value] = BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan()[^8..]);
            }
        }

        private static byte[] Bytes(string argument) =>
            Convert.FromHexString(argument.Trim('"').Replace("\\x", "", StringComparison.Ordinal));

        [GeneratedRegex("""^<\.\.\. \w+ resumed>""")]
        private static partial Regex Resumed();

        [GeneratedRegex("""^(?<name>\w+)\((?<arguments>.*)\) += (?<result>-?[0-9]+)""")]
        private static partial Regex Call();

        [GeneratedRegex("^[0-9]+")]
        private static partial Regex Number();

        [GeneratedRegex("""^sendto\([0-9]+<TCP:\[[^]]*->127\.0\.0\.1:(?<port>[0-9]+)\]>, (?<bytes>"[^"]+")""")]
        private static partial Regex Sent();
    }

    /// <summary>Bytes written at a place, or without bytes a new length.</summary>
    private readonly record struct Change(long At, byte[]? Bytes);

    /// <summary>A file without its name.</summary>
    private sealed class Inode
    {
        private const int SectorBytes = 512;
        private byte[] _durable = [];

        public List<Change> Unsynced { get; } = [];

        public void Sync()
        {
            Unsynced.ForEach(change => Apply(ref _durable, change));
            Unsynced.Clear();
        }

        /// <summary>Returns the contents after a cut.</summary>
        /// <param name="loss">Of what is unsynced, 0: nothing stays; 1: some calls; 2: some sectors; 3: first calls, one in part.</param>
        /// <param name="random">Decides.</param>
        public byte[] AfterCut(int loss, Random random)
        {
            byte[] contents = [.. _durable];
            int complete = random.Next(Unsynced.Count + 1);
            for (int i = 0; i < Unsynced.Count; i++)
            {
                Change change = Unsynced[i];
                if ((loss == 1 && random.Next(2) == 0) || (loss == 3 && i < complete))
                {
                    Apply(ref contents, change);
                }
                else if (change.Bytes is { } bytes && (loss == 2 || (loss == 3 && i == complete)))
                {
                    bool all = loss == 3;
                    for (int at = 0; at < bytes.Length && (!all || random.Next(4) > 0);)
                    {
                        int length = (int)Math.Min(bytes.Length - at, SectorBytes - ((change.At + at) % SectorBytes));
                        if (all || random.Next(2) == 0)
                        {
                            Apply(ref contents, new Change(change.At + at, bytes[at..(at + length)]));
                        }

                        at += length;
                    }
                }
            }

            return contents;
        }

        private static void Apply(ref byte[] contents, Change change)
        {
            long length = change.Bytes is { } bytes ? Math.Max(contents.Length, change.At + bytes.Length) : change.At;
            if (length != contents.Length)
            {
                Array.Resize(ref contents, (int)length);
            }

            change.Bytes?.CopyTo(contents, change.At);
        }
    }
}
