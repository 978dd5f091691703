using System.Buffers;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using DotNetty.Buffers;
using DotNettyFraming.Codec;
using DotNettyFraming.Hosting;

namespace DotNettyFraming.Server.Storage;

/// <summary>What <c>export</c> writes for a packet.</summary>
internal enum ExportFormat
{
    /// <summary>A line of JSON.</summary>
    Jsonl,

    /// <summary>A line of comma-separated values, behind one line with their names.</summary>
    Csv,

    /// <summary>The packet's bytes, verbatim.</summary>
    Raw,
}

/// <summary>What <c>export</c> was asked for.</summary>
internal sealed record ExportOptions
{
    /// <summary>The store's directory.</summary>
    public string Directory { get; init; } = "";

    /// <summary>The first receive time.</summary>
    public DateTimeOffset Since { get; init; } = DateTimeOffset.UnixEpoch;

    /// <summary>The receive time behind the last.</summary>
    public DateTimeOffset Until { get; init; } = DateTimeOffset.MaxValue;

    /// <summary>The peer's address, or its address and port; null for all.</summary>
    public string? Peer { get; init; }

    /// <summary>The connection; null for all.</summary>
    public long? Connection { get; init; }

    /// <summary>Packets at most; 0 is no limit.</summary>
    public long Limit { get; init; }

    /// <summary>Whether to wait for more at the end.</summary>
    public bool Follow { get; init; }

    /// <summary>The form of a packet.</summary>
    public ExportFormat Format { get; init; }

    /// <summary>Whether payloads are written as text instead of base64.</summary>
    public bool Text { get; init; }
}

/// <summary>Writes a store's packets to a stream, oldest first.</summary>
/// <param name="options">What to write, and how.</param>
/// <param name="output">Where to.</param>
/// <param name="errors">Where damaged parts are reported.</param>
internal sealed class ExportCommand(ExportOptions options, Stream output, TextWriter errors) : IDisposable
{
    private const int FlushBytes = 64 * 1024;
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(100);
    private readonly ArrayBufferWriter<byte> _buffer = new(2 * FlushBytes);
    private readonly Utf8JsonWriter _json = new(
        new ArrayBufferWriter<byte>(),
        new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true });

    private long _written;
    private bool _damaged;

    /// <summary>Writes packets until the end of the store, the limit, or a cancellation.</summary>
    /// <returns>The exit code.</returns>
    public async Task<int> RunAsync(CancellationToken stop)
    {
        if (!Directory.Exists(options.Directory))
        {
            await errors.WriteLineAsync($"--store: there is no directory '{options.Directory}'").ConfigureAwait(false);
            return ExitCode.CannotRun;
        }

        using var reader = new StoreReader(options.Directory, options.Since.ToUnixTimeMilliseconds());
        if (options.Format == ExportFormat.Csv)
        {
            _buffer.Write("received,node,connection,peer,packet,time,payload\n"u8);
        }

        try
        {
            while (!stop.IsCancellationRequested && !IsFull && await AdvanceAsync(reader, stop).ConfigureAwait(false))
            {
                if (_buffer.WrittenCount >= FlushBytes)
                {
                    await FlushAsync(stop).ConfigureAwait(false);
                }
            }

            await FlushAsync(stop).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // Stopped by a signal, as `tail -f` is.
        }
        catch (IOException)
        {
            // The reader of the output has ended.
        }
        catch (StoreException e)
        {
            await errors.WriteLineAsync(e.Message).ConfigureAwait(false);
            return ExitCode.CannotRun;
        }

        return _damaged ? VerifyCommand.Findings : ExitCode.Success;
    }

    /// <inheritdoc/>
    public void Dispose() => _json.Dispose();

    private bool IsFull => options.Limit > 0 && _written >= options.Limit;

    /// <summary>Writes the next chunk, or waits for one.</summary>
    /// <returns>False at the end.</returns>
    private async ValueTask<bool> AdvanceAsync(StoreReader reader, CancellationToken stop)
    {
        try
        {
            if (reader.NextOfAny() is { } chunk)
            {
                Write(reader, chunk);
                return true;
            }
        }
        catch (StoreException e) when (e.Fault == StoreFault.Damaged)
        {
            _damaged = true;
            await errors.WriteLineAsync($"{reader.SegmentName}: {e.Message}").ConfigureAwait(false);
            return true;
        }

        if (!options.Follow)
        {
            return false;
        }

        await FlushAsync(stop).ConfigureAwait(false);
        await Task.Delay(Poll, stop).ConfigureAwait(false);
        return true;
    }

    private async ValueTask FlushAsync(CancellationToken stop)
    {
        await output.WriteAsync(_buffer.WrittenMemory, stop).ConfigureAwait(false);
        await output.FlushAsync(stop).ConfigureAwait(false);
        _buffer.ResetWrittenCount();
    }

    private void Write(StoreReader reader, StoredChunk chunk)
    {
        int at = 0;
        foreach (Part part in chunk.ReadParts())
        {
            int start = at;
            at += part.Bytes;
            DateTimeOffset received = DateTimeOffset.FromUnixTimeMilliseconds(part.Received);
            if (received < options.Since || received >= options.Until || part.Connection != (options.Connection ?? part.Connection))
            {
                continue;
            }

            string peer = reader.PeerOf(part.Connection) ?? "";
            if (options.Peer is { } wanted && !IsOf(peer, wanted))
            {
                continue;
            }

            long number = part.First;
            foreach (Packet packet in PacketBatch.Of(Unpooled.WrappedBuffer(chunk.Bytes, start, part.Bytes), reader.Header, part.First))
            {
                if (IsFull)
                {
                    return;
                }

                Write(packet, new Origin(received, reader.Node, part.Connection, peer, number++));
                _written++;
            }
        }
    }

    private void Write(Packet packet, Origin origin)
    {
        switch (options.Format)
        {
            case ExportFormat.Raw:
                _buffer.Write(packet.Bytes);
                break;
            case ExportFormat.Csv:
                string payload = options.Text ? Quoted(Encoding.UTF8.GetString(packet.Payload)) : Convert.ToBase64String(packet.Payload);
                Encoding.UTF8.GetBytes(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"{origin.ReceivedText},{origin.Node},{origin.Connection},{origin.Peer},{origin.Packet},{packet.Time},{payload}\n"),
                    _buffer);
                break;
            default:
                WriteJson(packet, origin);
                break;
        }
    }

    private void WriteJson(Packet packet, Origin origin)
    {
        _json.Reset(_buffer);
        _json.WriteStartObject();
        _json.WriteString("received"u8, origin.ReceivedText);
        _json.WriteString("node"u8, origin.Node);
        _json.WriteNumber("connection"u8, origin.Connection);
        _json.WriteString("peer"u8, origin.Peer);
        _json.WriteNumber("packet"u8, origin.Packet);
        if (packet.Time is { } time)
        {
            _json.WriteNumber("time"u8, time);
        }
        else
        {
            _json.WriteNull("time"u8);
        }

        if (options.Text)
        {
            _json.WriteString("payload"u8, Encoding.UTF8.GetString(packet.Payload));
        }
        else
        {
            _json.WriteBase64String("payload"u8, packet.Payload);
        }

        _json.WriteEndObject();
        _json.Flush();
        _buffer.Write("\n"u8);
    }

    private static string Quoted(string text) => $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    private static bool IsOf(string peer, string wanted) => peer == wanted
        || (IPEndPoint.TryParse(peer, out IPEndPoint? endpoint)
            && IPAddress.TryParse(wanted, out IPAddress? address)
            && endpoint.Address.Equals(address));

    /// <summary>Where a packet comes from.</summary>
    private readonly record struct Origin(DateTimeOffset Received, string Node, long Connection, string Peer, long Packet)
    {
        public string ReceivedText => Received.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
    }
}
