using NLog;
using NLog.Config;

namespace DotNettyFraming.Hosting.Logging;

/// <summary>Reads nlog.config again when it changes, so that a level can be changed while the program runs.</summary>
/// <remarks>
/// <para>NLog's own <c>autoReload</c> sees a file that is written to, but not one that is put in its place by renaming, as
/// <c>sed -i</c> and mounted configuration do; and what it cannot read it ignores without a word.</para>
/// <para>Looks once a second, at length and time of writing, and reads what has not changed between two looks, so not half a file.
/// Thread-safe.</para>
/// </remarks>
internal sealed class ConfigurationWatch : IDisposable
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    private readonly LogFactory _logFactory;
    private readonly string _path;
    private readonly Func<LoggingConfiguration> _read;
    private readonly ITimer _timer;
    private readonly Lock _lock = new();
    private FileStamp? _current;
    private FileStamp? _lastSeen;
    private bool _disposed;

    /// <summary>Reads the file for the first time, and watches it from then on.</summary>
    /// <param name="logFactory">What the file configures.</param>
    /// <param name="path">nlog.config.</param>
    /// <param name="read">Reads it; whatever it throws the first time, this throws.</param>
    /// <param name="clock">Drives the looks.</param>
    public ConfigurationWatch(LogFactory logFactory, string path, Func<LoggingConfiguration> read, TimeProvider clock)
    {
        _logFactory = logFactory;
        _path = path;
        _read = read;
        _current = _lastSeen = FileStamp.Of(path);
        logFactory.Configuration = read();
        _timer = clock.CreateTimer(_ => Look(), null, Period, Period);
    }

    public void Dispose()
    {
        _timer.Dispose();
        lock (_lock)
        {
            _disposed = true;
        }
    }

    private void Look()
    {
        lock (_lock)
        {
            FileStamp? stamp = FileStamp.Of(_path);
            bool isAtRest = stamp == _lastSeen;
            _lastSeen = stamp;
            if (_disposed || stamp is null || !isAtRest || stamp == _current)
            {
                return;
            }

            _current = stamp;
            ReadAgain();
        }
    }

    private void ReadAgain()
    {
        Logger logger = _logFactory.GetLogger(nameof(ConfigurationWatch));
        try
        {
            _logFactory.Configuration = _read();
            logger.Info("read {0} again", _path);
        }
        catch (Exception e)
        {
            // Any kind: this is a timer's thread, and no edit of a file may end the program. What was in force stays.
            logger.Warn("{0} has changed, but is not used: {1}", _path, e.Message);
        }
    }
}
