using DotNetty.Buffers;
using DotNettyFraming.Codec;
using DotNettyFraming.Hosting;

namespace DotNettyFraming.Server.Storage;

/// <summary>Verifies a store: its segments, chunks, counts and order, and that no connection has a gap.</summary>
/// <param name="directory">The store's directory.</param>
/// <param name="output">Receives one line per finding, and a summary.</param>
internal sealed class VerifyCommand(string directory, TextWriter output)
{
    /// <summary>The exit code if something was found.</summary>
    public const int Findings = 3;

    private readonly Dictionary<long, long> _ends = [];
    private long _lastChunk = -1;
    private long _lastClosed;
    private bool _startsAtZero;
    private int _findings;
    private (long Segments, long Chunks, long Packets, long Bytes) _seen;

    /// <summary>Verifies all of it.</summary>
    /// <returns>The exit code.</returns>
    public int Run(CancellationToken stop)
    {
        if (!Directory.Exists(directory))
        {
            output.WriteLine($"--store: there is no directory '{directory}'");
            return ExitCode.CannotRun;
        }

        VerifyList();
        using var reader = new StoreReader(directory);
        while (!stop.IsCancellationRequested)
        {
            try
            {
                if (!reader.MoveToNextSegment())
                {
                    break;
                }

                VerifySegment(reader, stop);
            }
            catch (StoreException e)
            {
                Report($"{reader.SegmentName}: {e.Message}");
            }
        }

        output.WriteLine(
            $"{_seen.Segments} segments, {_seen.Chunks} chunks, {_seen.Packets} packets, {_seen.Bytes} bytes, {_findings} findings");
        return _findings > 0 ? Findings : ExitCode.Success;
    }

    private void VerifyList()
    {
        try
        {
            if (StoreDirectory.ReadManifest(directory) is not { } manifest)
            {
                Report("store.json is missing");
                return;
            }

            foreach (long segment in manifest.Segments.Except(StoreDirectory.Find(directory)))
            {
                Report($"{Segment.NameOf(segment)} is missing");
            }
        }
        catch (StoreException e)
        {
            Report(e.Message);
        }

        string setAside = Path.Combine(directory, StoreDirectory.SetAsideFolder);
        foreach (string file in Directory.Exists(setAside) ? Directory.EnumerateFiles(setAside) : [])
        {
            Report($"{StoreDirectory.SetAsideFolder}/{Path.GetFileName(file)} was set aside at a start");
        }
    }

    private void VerifySegment(StoreReader reader, CancellationToken stop)
    {
        _seen.Segments++;
        if (reader.File!.Text("PRAGMA integrity_check(1)") is var result && result != "ok")
        {
            Report($"{reader.SegmentName}: {result}");
        }

        for (bool first = true; !stop.IsCancellationRequested && reader.Next() is { } chunk; first = false)
        {
            _startsAtZero |= _lastChunk < 0 && chunk.Id == 0;
            if (first ? chunk.Id <= _lastChunk : chunk.Id != _lastChunk + 1)
            {
                Report($"{reader.SegmentName}: chunk {chunk.Id} follows chunk {_lastChunk}");
            }

            if (chunk.Closed < _lastClosed)
            {
                Report($"{reader.SegmentName}: chunk {chunk.Id} was closed before the chunk in front of it");
            }

            (_lastChunk, _lastClosed) = (chunk.Id, chunk.Closed);
            try
            {
                VerifyChunk(reader, chunk);
            }
            catch (StoreException e)
            {
                Report($"{reader.SegmentName}: {e.Message}");
            }
        }
    }

    private void VerifyChunk(StoreReader reader, StoredChunk chunk)
    {
        int at = 0;
        foreach (Part part in chunk.ReadParts())
        {
            if (CountPackets(reader.Header, chunk.Bytes, at, part) != part.Packets)
            {
                Report($"{reader.SegmentName}: chunk {chunk.Id}, connection {part.Connection}: the bytes are not {part.Packets} packets");
            }

            at += part.Bytes;
            if (!_ends.TryGetValue(part.Connection, out long end))
            {
                end = _startsAtZero ? 0 : part.First; // else the start may have been deleted
            }

            if (part.First != end)
            {
                Report(
                    $"{reader.SegmentName}: chunk {chunk.Id}, connection {part.Connection}: packet {part.First} follows, expected {end}");
            }

            if (reader.PeerOf(part.Connection) is null)
            {
                Report($"{reader.SegmentName}: chunk {chunk.Id}, connection {part.Connection}: its peer is missing");
            }

            _ends[part.Connection] = part.First + part.Packets;
            _seen.Packets += part.Packets;
        }

        _seen.Chunks++;
        _seen.Bytes += chunk.Bytes.Length;
    }

    private static int CountPackets(HeaderLayout header, byte[] bytes, int start, Part part)
    {
        try
        {
            return PacketBatch.Of(Unpooled.WrappedBuffer(bytes, start, part.Bytes), header, part.First).Count;
        }
        catch (ArgumentException)
        {
            return -1; // the last one is not whole
        }
    }

    private void Report(string finding)
    {
        _findings++;
        output.WriteLine(finding);
    }
}
