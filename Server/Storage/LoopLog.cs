using System.Diagnostics;
using System.Runtime.InteropServices;
using DotNettyFraming.Codec;
using DotNettyFraming.Server.Processing;

namespace DotNettyFraming.Server.Storage;

/// <summary>One event loop's end of the store: a copy per batch, and one task per commit.</summary>
/// <remarks>
/// Three groups: one is filled, one is ready for the writer, one is being committed. The ready one is filled further until it is taken.
/// Threads: the event loop, except where a member says otherwise.
/// </remarks>
internal sealed class LoopLog : ILoopSink
{
    private readonly StoreWriter _writer;
    private readonly Action<Action> _execute;
    private readonly Action<bool> _setWaits;
    private readonly Group[] _groups;
    private readonly Stack<Group> _spare = new();
    private Group _open;
    private Group? _ready;
    private long _pending;
    private long _oldest = long.MaxValue;

    /// <param name="writer">The store's writer.</param>
    /// <param name="execute">Runs an action on the event loop, soon; any thread.</param>
    /// <param name="setWaits">Receives whether the store cannot write for now; any thread.</param>
    public LoopLog(StoreWriter writer, Action<Action> execute, Action<bool> setWaits)
    {
        _writer = writer;
        _execute = execute;
        _setWaits = setWaits;
        _groups = [new Group(this), new Group(this), new Group(this)];
        _open = _groups[0];
        _spare.Push(_groups[1]);
        _spare.Push(_groups[2]);
    }

    /// <summary>Bytes of packets that are not durable yet. Any thread.</summary>
    public long PendingBytes => Volatile.Read(ref _pending);

    /// <summary>When the oldest of them was read, Unix milliseconds; <c>MaxValue</c> if there are none. Any thread.</summary>
    public long OldestReceived => Volatile.Read(ref _oldest);

    /// <inheritdoc/>
    public void Append(ISinkConnection connection, PacketBatch batch)
    {
        if (_open.Bytes == 0 && Interlocked.Exchange(ref _ready, null) is { } taken)
        {
            _spare.Push(_open);
            _open = taken;
        }

        long now = _writer.Time.GetUtcNow().ToUnixTimeMilliseconds();
        if (_pending == 0)
        {
            Volatile.Write(ref _oldest, now);
        }

        _open.Add(connection, batch, now);
        Volatile.Write(ref _pending, _pending + batch.ByteCount);
    }

    /// <inheritdoc/>
    public void TurnEnd()
    {
        if (_open.Bytes > 0 && _spare.TryPop(out Group? next))
        {
            Group group = _open;
            _open = next;
            Group? before = Interlocked.Exchange(ref _ready, group); // a full fence: the writer sleeps before it checks
            Debug.Assert(before is null, "a ready group was overwritten");
            _writer.Published(group.Bytes);
        }
    }

    /// <summary>Takes what is ready. The writer's thread.</summary>
    public Group? Take() => Interlocked.Exchange(ref _ready, null);

    /// <summary>Bytes of packets that the writer can take. Any thread.</summary>
    public long ReadyBytes => Volatile.Read(ref _ready)?.Bytes ?? 0;

    /// <summary>Gives a committed group back. The writer's thread.</summary>
    public void Return(Group group) => _execute(group.OnCommitted);

    /// <summary>Reports whether the store cannot write for now. The writer's thread.</summary>
    public void SetWaits(bool waits) => _setWaits(waits);

    /// <summary>Moves each connection of a committed group, and uses the group again.</summary>
    internal void Committed(Group group)
    {
        foreach (Touched touched in CollectionsMarshal.AsSpan(group.Touched))
        {
            touched.Connection.Stored(touched.End);
        }

        Volatile.Write(ref _pending, _pending - group.Bytes);
        group.Clear();
        Volatile.Write(ref _oldest, _groups.Min(each => each.FirstReceived));
        _spare.Push(group);
        TurnEnd();
    }
}

/// <summary>A connection with packets in a group.</summary>
/// <param name="Connection">The connection.</param>
/// <param name="End">The position behind its last packet there.</param>
internal readonly record struct Touched(ISinkConnection Connection, long End);

/// <summary>What one event loop hands over at a time, and gets back when it is durable.</summary>
internal sealed class Group
{
    private int _used = 1;

    public Group(LoopLog log) => OnCommitted = () => log.Committed(this);

    /// <summary>Runs on the event loop after the commit.</summary>
    public Action OnCommitted { get; }

    /// <summary>The chunks; the first <see cref="ChunkCount"/> are in use.</summary>
    public List<Chunk> Chunks { get; } = [new Chunk()];

    /// <summary>Chunks with packets.</summary>
    public int ChunkCount => Bytes > 0 ? _used : 0;

    /// <summary>The connections, each once.</summary>
    public List<Touched> Touched { get; } = [];

    /// <summary>The packets' bytes.</summary>
    public long Bytes { get; private set; }

    /// <summary>The packets.</summary>
    public long Packets { get; private set; }

    /// <summary>When its oldest packets were read, Unix milliseconds; <c>MaxValue</c> if it has none.</summary>
    public long FirstReceived { get; private set; } = long.MaxValue;

    /// <summary>Copies a batch.</summary>
    public void Add(ISinkConnection connection, PacketBatch batch, long received)
    {
        ReadOnlySpan<byte> bytes = batch.Bytes;
        if (!Chunks[_used - 1].HasRoom(bytes.Length))
        {
            if (_used == Chunks.Count)
            {
                Chunks.Add(new Chunk());
            }

            _used++;
        }

        Chunks[_used - 1].Add(new Part(connection.Id, batch.FirstSequence, batch.Count, bytes.Length, received), bytes);
        Bytes += bytes.Length;
        Packets += batch.Count;
        FirstReceived = Math.Min(FirstReceived, received);
        long end = batch.FirstSequence + batch.Count;
        ref SinkState state = ref connection.SinkState;
        if (state.Group == this)
        {
            Touched[state.Index] = new Touched(connection, end);
        }
        else
        {
            (state.Group, state.Index) = (this, Touched.Count);
            Touched.Add(new Touched(connection, end));
        }
    }

    /// <summary>Empties it. Of its memory, a chunk is released each time that half of the chunks were not needed.</summary>
    public void Clear()
    {
        foreach (Touched touched in CollectionsMarshal.AsSpan(Touched))
        {
            ref SinkState state = ref touched.Connection.SinkState;
            state.Group = state.Group == this ? null : state.Group;
        }

        if (Chunks.Count > 2 * _used)
        {
            Chunks.RemoveAt(Chunks.Count - 1);
        }

        foreach (Chunk chunk in Chunks)
        {
            chunk.Clear();
        }

        Touched.Clear();
        (_used, Bytes, Packets, FirstReceived) = (1, 0, 0, long.MaxValue);
    }
}

/// <summary>Up to 1 MiB of packets, or one larger batch: a row of the store.</summary>
internal sealed class Chunk
{
    /// <summary>Bytes of packets at most, unless a single batch is larger.</summary>
    public const int MaxBytes = 1024 * 1024;

    private const int SmallestArray = 64 * 1024;
    private byte[] _bytes = new byte[SmallestArray];
    private int _length;

    /// <summary>The packets.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, _length);

    /// <summary>Whose packets they are, in their order.</summary>
    public List<Part> Parts { get; } = [];

    /// <summary>Whether more bytes fit.</summary>
    public bool HasRoom(int bytes) => _length == 0 || _length + bytes <= MaxBytes;

    /// <summary>Copies packets of one connection behind those that are there.</summary>
    public void Add(Part part, ReadOnlySpan<byte> bytes)
    {
        int length = _length + bytes.Length;
        if (length > _bytes.Length)
        {
            Array.Resize(ref _bytes, Math.Max(length, Math.Min(4 * _bytes.Length, MaxBytes)));
        }

        bytes.CopyTo(_bytes.AsSpan(_length));
        _length = length;
        Span<Part> parts = CollectionsMarshal.AsSpan(Parts);
        if (parts.Length > 0 && parts[^1] is var last && last.Connection == part.Connection && last.Received == part.Received)
        {
            Debug.Assert(last.First + last.Packets == part.First, "a connection's packets have a gap");
            parts[^1] = last with { Packets = last.Packets + part.Packets, Bytes = last.Bytes + part.Bytes };
        }
        else
        {
            Parts.Add(part);
        }
    }

    /// <summary>Empties it.</summary>
    public void Clear()
    {
        if (_bytes.Length > MaxBytes)
        {
            _bytes = new byte[SmallestArray];
        }

        _length = 0;
        Parts.Clear();
    }
}
