namespace DotNettyFraming.Server.Startup;

/// <summary>Gives memory back to the system after a burst of unfinished packets, of connections, or of methods compiled.</summary>
/// <remarks>
/// At rest no collection runs, so what a burst took would stay: 424 MiB after 9,000 half packets were let go, 1,095 MiB after three
/// such rounds; with one aggressive collection 45–65 MiB. It stops the event loops for a moment, so it waits until little comes.
/// Threads: its timer's; nothing on the event loops.
/// </remarks>
internal sealed class MemoryReturn : IDisposable
{
    /// <summary>What a connection leaves behind for the collector, bytes: its channel, pipeline and handlers. 100,000 connects and closes on a
    /// fast machine left 80 MiB that nobody collected.</summary>
    public const long ConnectionBytes = 4 * 1024;

    /// <summary>Bytes let go since the last collection that make another one worth while.</summary>
    public const long WorthWhile = 64 * 1024 * 1024;

    /// <summary>Methods compiled since the last collection that make another one worth while: the start, and the first scrapes and pages of
    /// the admin port, for which some thousand are compiled up to three times.</summary>
    public const long WorthWhileMethods = 200;

    /// <summary>Bytes received in a second below which load is low.</summary>
    public const long LowLoad = 1024 * 1024;

    /// <summary>Seconds of low load in a row before a collection.</summary>
    public const int QuietSeconds = 5;

    private readonly Func<(long Received, long LetGo, long Compiled)> _counts;
    private readonly Action _collect;
    private readonly ITimer _timer;
    private long _received;
    private long _letGo;
    private long _compiled;
    private int _quietSeconds;

    /// <summary>Starts to look, once a second.</summary>
    /// <param name="counts">Bytes received so far, and bytes let go so far, with <see cref="ConnectionBytes"/> for each connection that came,
    /// or has gone; methods compiled so far.</param>
    /// <param name="time">The clock.</param>
    /// <param name="collect">What to do; by default the one collection that returns memory, and the native heap's like.</param>
    public MemoryReturn(Func<(long Received, long LetGo, long Compiled)> counts, TimeProvider time, Action? collect = null)
    {
        _counts = counts;
        _collect = collect ?? Collect;
        _timer = time.CreateTimer(_ => Look(), null, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1));
    }

    public void Dispose() => _timer.Dispose();

    private static void Collect()
    {
        GC.Collect(2, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        NativeHeap.Trim();
    }

    private void Look()
    {
        (long received, long letGo, long compiled) = _counts();
        _quietSeconds = received - _received < LowLoad ? _quietSeconds + 1 : 0;
        _received = received;
        if (_quietSeconds >= QuietSeconds && (letGo - _letGo >= WorthWhile || compiled - _compiled >= WorthWhileMethods))
        {
            _letGo = letGo;
            _compiled = compiled;
            _collect();
        }
    }
}
