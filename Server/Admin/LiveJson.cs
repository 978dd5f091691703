using System.Buffers;
using System.Text.Json;
using DotNettyFraming.Server.Diagnostics;

namespace DotNettyFraming.Server.Admin;

/// <summary>The body of <c>/api/live</c>: what the live page draws.</summary>
/// <remarks>
/// <c>?after=N</c> gives the samples with a greater <c>n</c>, one a second; without it all that are kept. Totals are since start, as in
/// <c>/api/stats</c>, so that what came in a second is the difference of two samples, also where one is missed. <c>peers=no</c> leaves the
/// connections out: a page that nobody sees has none surveyed.
/// </remarks>
internal sealed class LiveJson
{
    private static readonly string[] Reasons = Enum.GetNames<CloseReason>();
    private static readonly string Version = typeof(LiveJson).Assembly.GetName().Version!.ToString(3);

    private readonly ServerLife _life;
    private readonly IServerProbe _probe;
    private readonly ServerSampler _sampler;
    private readonly TimeProvider _time;

    /// <summary>Tells one start of the server from another, whose samples begin anew.</summary>
    private readonly string _run;

    public LiveJson(ServerLife life, IServerProbe probe, ServerSampler sampler, TimeProvider time)
    {
        _life = life;
        _probe = probe;
        _sampler = sampler;
        _time = time;
        _run = $"{time.GetUtcNow().Ticks}";
    }

    /// <summary>Writes it, UTF-8.</summary>
    /// <param name="after">The number of the newest sample that the asker has; 0 is none.</param>
    /// <param name="withPeers">Whether connections are asked for, which keeps their survey going.</param>
    public ReadOnlyMemory<byte> Write(long after, bool withPeers)
    {
        (DateTimeOffset Time, PeerSurvey Survey)? survey = withPeers ? _sampler.Watch() : null;
        var bytes = new ArrayBufferWriter<byte>(4096);
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            json.WriteString("run", _run);
            json.WriteNumber("now", _time.GetUtcNow().ToUnixTimeMilliseconds());
            json.WriteNumber("uptimeSeconds", (long)_life.Uptime.TotalSeconds);
            json.WriteString("phase", PhaseName());
            WriteServer(json);
            WriteList(json, "loops", _probe.EventLoops, (loop, to) => to.WriteStringValue(loop.Label));
            WriteList(json, "ageBounds", PacketAges.BoundsSeconds, (bound, to) => to.WriteNumberValue(bound));
            WriteList(json, "samples", _sampler.After(after), WriteSample);
            WritePeers(json, survey);
            json.WriteEndObject();
        }

        return bytes.WrittenMemory;
    }

    private static void WriteSample(ServerSample sample, Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteNumber("n", sample.Number);
        json.WriteNumber("time", sample.Time.ToUnixTimeMilliseconds());
        json.WriteNumber("seconds", Math.Round(sample.SinceLast.TotalSeconds, 4));
        json.WriteStartObject("connections");
        json.WriteNumber("open", sample.Open);
        json.WriteNumber("accepted", sample.Accepted);
        json.WriteNumber("paused", sample.Paused);
        json.WriteStartObject("closed");
        for (int reason = 0; reason < sample.Closed.Length; reason++)
        {
            if (sample.Closed[reason] != 0)
            {
                json.WriteNumber(Reasons[reason], sample.Closed[reason]);
            }
        }

        json.WriteEndObject();
        json.WriteEndObject();
        WriteTraffic(json, sample);
        WriteProcess(json, sample);
        json.WriteEndObject();
    }

    private static void WriteTraffic(Utf8JsonWriter json, ServerSample sample)
    {
        json.WriteStartObject("packets");
        json.WriteNumber("received", sample.PacketsReceived);
        json.WriteNumber("processed", sample.PacketsProcessed);
        json.WriteNumber("dropped", sample.PacketsDropped);
        json.WriteEndObject();
        json.WriteStartObject("bytes");
        json.WriteNumber("received", sample.BytesReceived);
        json.WriteNumber("payload", sample.BytesPayload);
        json.WriteNumber("discarded", sample.BytesDiscarded);
        json.WriteNumber("unfinished", sample.BytesUnfinished);
        json.WriteNumber("allocated", sample.BytesAllocated);
        json.WriteEndObject();
        json.WriteNumber("reads", sample.Batches);
        WriteList(json, "age", sample.Ages, (count, to) => to.WriteNumberValue(count));
        json.WriteNumber("clockSkew", sample.Skewed);
        json.WriteNumber("clockUnset", sample.Unset);
        json.WriteNumber("queue", sample.PacketsReceived - sample.PacketsProcessed - sample.PacketsDropped);
    }

    private static void WriteProcess(Utf8JsonWriter json, ServerSample sample)
    {
        json.WriteStartObject("memory");
        json.WriteNumber("workingSet", sample.WorkingSet);
        json.WriteNumber("heap", sample.Heap);
        json.WriteEndObject();
        json.WriteStartObject("gc");
        json.WriteNumber("collections", sample.Collections);
        json.WriteNumber("pauseSeconds", Math.Round(sample.CollectionPauses.TotalSeconds, 6));
        json.WriteEndObject();
        WriteList(json, "loops", sample.Loops, (loop, to) =>
        {
            if (loop is null)
            {
                to.WriteNullValue();
                return;
            }

            to.WriteStartObject();
            to.WriteNumber("busy", Math.Round(loop.Busy, 4));
            to.WriteNumber("queue", loop.QueueLength);
            to.WriteEndObject();
        });
    }

    private static void WritePeers(Utf8JsonWriter json, (DateTimeOffset Time, PeerSurvey Survey)? found)
    {
        if (found is not (var time, var survey))
        {
            json.WriteNull("peers");
            return;
        }

        json.WriteStartObject("peers");
        json.WriteNumber("time", time.ToUnixTimeMilliseconds());
        WriteList(json, "busiest", survey.Busiest, WritePeer);
        WriteList(json, "oldest", survey.Oldest, WritePeer);
        json.WriteEndObject();
    }

    private static void WritePeer(PeerState peer, Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteNumber("id", peer.ConnectionId);
        json.WriteString("peer", peer.Peer);
        json.WriteNumber("loop", peer.EventLoop);
        json.WriteNumber("openSeconds", (long)peer.Open.TotalSeconds);
        json.WriteNumber("packets", peer.Packets);
        json.WriteNumber("bytes", peer.Bytes);
        json.WriteNumber("unfinished", peer.UnfinishedBytes);
        json.WriteBoolean("paused", peer.IsPaused);
        json.WriteNumber("bytesPerSecond", peer.BytesPerSecond);
        json.WriteEndObject();
    }

    private static void WriteList<T>(Utf8JsonWriter json, string name, IEnumerable<T> items, Action<T, Utf8JsonWriter> write)
    {
        json.WriteStartArray(name);
        foreach (T item in items)
        {
            write(item, json);
        }

        json.WriteEndArray();
    }

    private string PhaseName() => _life.Phase switch
    {
        ServerPhase.Starting => "starting",
        ServerPhase.Draining => "draining",
        _ => "serving",
    };

    private void WriteServer(Utf8JsonWriter json)
    {
        json.WriteStartObject("server");
        json.WriteString("version", Version);
        json.WriteString("transport", _probe.TransportName);
        json.WriteNumber("processors", Environment.ProcessorCount);
        json.WriteNumber("maxConnections", _probe.MaxConnections);
        json.WriteNumber("maxBufferedBytes", _probe.MaxBufferedBytes);
        json.WriteEndObject();
    }
}
