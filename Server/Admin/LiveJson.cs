using System.Buffers;
using System.Text.Json;
using DotNettyFraming.Server.Metrics;

namespace DotNettyFraming.Server.Admin;

/// <summary>The body of <c>/api/live</c>, the live page's data.</summary>
/// <remarks>
/// <c>?after=N</c> returns the samples with a greater <c>n</c>, one per second; without it, all samples kept. Totals are since start, as in
/// <c>/api/stats</c>: a rate is the difference of two samples. <c>peers=no</c>, for a hidden page, omits the connections and their survey.
/// </remarks>
internal sealed class LiveJson
{
    private static readonly string Version = typeof(LiveJson).Assembly.GetName().Version!.ToString(3);

    private readonly ServerLife _life;
    private readonly IServerProbe _probe;
    private readonly ServerSampler _sampler;
    private readonly TimeProvider _time;

    /// <summary>Identifies this run of the server: the sample numbers of another one start anew.</summary>
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
    /// <param name="after">The number of the newest sample that the client has; 0 is none.</param>
    /// <param name="withPeers">Whether to include the connections, which keeps their survey running.</param>
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
            WriteList(json, "ageBounds", LoopHistogram.AgeBounds, (bound, to) => to.WriteNumberValue(bound));
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
        StatisticsJson.WriteLevels(json, CountersOf(sample.Counters));
        WriteList(json, "age", sample.Ages, (count, to) => to.WriteNumberValue(count));
        json.WriteNumber("reads", sample.Counters[Counter.Reads]);
        json.WriteNumber("clockSkew", sample.Counters[Counter.ClockSkew]);
        json.WriteNumber("clockUnset", sample.Counters[Counter.ClockUnset]);
        json.WriteNumber("queue", sample.Counters.PacketsPending);
        WriteProcess(json, sample);
        json.WriteEndObject();
    }

    /// <summary>Returns the counters of <c>/api/stats</c> without unused close reasons, and the memory of unfinished packets.</summary>
    private static IEnumerable<KeyValuePair<string, long>> CountersOf(CounterReading counters) => counters.Named()
        .Where(counter => counter.Value != 0 || !counter.Key.StartsWith("connections.closed.", StringComparison.Ordinal))
        .Append(new("bytes.allocated", counters[Counter.BytesAllocated]));

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
        if (sample.ForwardLag is var (bytes, time))
        {
            json.WriteStartObject("forward");
            json.WriteNumber("lagBytes", bytes);
            json.WriteNumber("lagSeconds", Math.Round(time.TotalSeconds, 3));
            json.WriteEndObject();
        }

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

/// <summary>The body of <c>/api/stats</c>: the counters by name, with an object per level.</summary>
/// <remarks>
/// <c>connections.closed.PeerClosed=99</c> becomes <c>{ "connections": { "closed": { "PeerClosed": 99 } } }</c>.
/// </remarks>
internal static class StatisticsJson
{
    /// <summary>Writes it, UTF-8.</summary>
    public static byte[] Write(TimeSpan uptime, IEnumerable<KeyValuePair<string, long>> counters)
    {
        var bytes = new ArrayBufferWriter<byte>(1024);
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            json.WriteNumber("uptimeSeconds", (long)uptime.TotalSeconds);
            WriteLevels(json, counters);
            json.WriteEndObject();
        }

        return bytes.WrittenSpan.ToArray();
    }

    /// <summary>Writes counters into an object; those of one level must follow each other.</summary>
    public static void WriteLevels(Utf8JsonWriter json, IEnumerable<KeyValuePair<string, long>> counters)
    {
        string[] open = [];
        foreach ((string name, long value) in counters)
        {
            string[] levels = name.Split('.');
            string[] parents = levels[..^1];
            int shared = 0;
            while (shared < Math.Min(open.Length, parents.Length) && open[shared] == parents[shared])
            {
                shared++;
            }

            Close(json, open.Length - shared);
            foreach (string parent in parents[shared..])
            {
                json.WriteStartObject(parent);
            }

            json.WriteNumber(levels[^1], value);
            open = parents;
        }

        Close(json, open.Length);
    }

    private static void Close(Utf8JsonWriter json, int objects)
    {
        for (int i = 0; i < objects; i++)
        {
            json.WriteEndObject();
        }
    }
}
