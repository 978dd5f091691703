using Microsoft.Extensions.Logging;

namespace DotNettyFraming.CommandLine.Logging;

/// <summary>Puts one <see cref="LogLimit"/> in front of all loggers, and so of all targets.</summary>
/// <remarks>In front of NLog rather than a wrapper target in it: no edit of nlog.config can forget it, and what is held back is never
/// made into text, nor queued.</remarks>
internal sealed class LimitedLoggerProvider(ILoggerProvider inner, TimeProvider time) : ILoggerProvider
{
    private readonly LogLimit _limit = new(inner.CreateLogger(typeof(LogLimit).FullName!), time);

    public ILogger CreateLogger(string categoryName) => new LimitedLogger(inner.CreateLogger(categoryName), categoryName, _limit);

    /// <summary>Writes the last sums. What is inside is flushed and closed by <see cref="ProgramLogging"/>, which knows how long that may take.</summary>
    public void Dispose() => _limit.Dispose();
}
