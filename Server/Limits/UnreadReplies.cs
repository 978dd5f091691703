namespace DotNettyFraming.Server.Limits;

/// <summary>Bounds the replies of one event loop's connections that their peers have not read. Any thread.</summary>
/// <remarks>
/// Half of the bound is for any connection. The other half is divided evenly, so that peers which never read cannot use up the part of
/// those that do. A reply beyond that is refused. Reading pauses long before.
/// </remarks>
internal sealed class UnreadReplies
{
    /// <summary>The bound of an event loop.</summary>
    public const long MaxLoopBytes = 32 * 1024 * 1024;

    /// <summary>The unread replies of a connection at which its reading pauses, about a read's worth. It resumes below half.</summary>
    public const long ConnectionMark = 64 * 1024;

    private long _bytes;

    /// <summary>The memory of all unread replies.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>The open connections of the event loop.</summary>
    public int Connections { get; set; }

    private bool IsHalfFull => Bytes >= MaxLoopBytes / 2;

    /// <summary>Takes memory for a reply, unless the bound is reached.</summary>
    /// <param name="unread">The unread replies of the connection.</param>
    /// <param name="bytes">The memory of the reply.</param>
    public bool TryTake(long unread, int bytes)
    {
        if (IsHalfFull && unread + bytes > MaxLoopBytes / 2 / Math.Max(1, Connections))
        {
            return false;
        }

        Interlocked.Add(ref _bytes, bytes);
        return true;
    }

    /// <summary>Gives memory back, after the kernel took the replies or the connection ended.</summary>
    public void GiveBack(long bytes) => Interlocked.Add(ref _bytes, -bytes);

    /// <summary>Whether a connection must pause: at its mark, or with any unread reply while the loop's half is full.</summary>
    public bool MustPause(long unread) => unread >= ConnectionMark || (unread > 0 && IsHalfFull);

    /// <summary>Whether a paused connection may resume.</summary>
    public bool MayResume(long unread) => unread == 0 || (unread < ConnectionMark / 2 && !IsHalfFull);
}
