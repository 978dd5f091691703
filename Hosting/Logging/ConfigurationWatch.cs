using NLog;
using NLog.Config;

namespace DotNettyFraming.Hosting.Logging;

/// <summary>Reads nlog.config again when it changes, so that a level can be changed while the program runs.</summary>
/// <remarks>
/// NLog's own <c>autoReload</c> sees a file that is written to, but not one that is put in its place by renaming, as
/// <c>sed -i</c> and mounted configuration do; and it ignores a file that it cannot read without a message.
/// </remarks>
internal sealed class ConfigurationWatch : IDisposable
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    private readonly LogFactory _logFactory;
    private readonly string _path;
    private readonly FileWatch _watch;
    private bool _isReadBefore;

    /// <summary>Reads the file for the first time, and watches it from then on.</summary>
    /// <param name="logFactory">What the file configures.</param>
    /// <param name="path">nlog.config.</param>
    /// <param name="read">Reads it. An exception of the first read leaves the constructor.</param>
    /// <param name="clock">Drives the checks.</param>
    public ConfigurationWatch(LogFactory logFactory, string path, Func<LoggingConfiguration> read, TimeProvider clock)
    {
        _logFactory = logFactory;
        _path = path;
        _watch = new FileWatch([path], Period, clock, () => Use(read()), Refused);
    }

    public void Dispose() => _watch.Dispose();

    private void Use(LoggingConfiguration configuration)
    {
        _logFactory.Configuration = configuration;
        if (_isReadBefore)
        {
            _logFactory.GetLogger(nameof(ConfigurationWatch)).Info("read {0} again", _path);
        }

        _isReadBefore = true;
    }

    private void Refused(Exception fault) =>
        _logFactory.GetLogger(nameof(ConfigurationWatch)).Warn("{0} has changed, but is not used: {1}", _path, fault.Message);
}
