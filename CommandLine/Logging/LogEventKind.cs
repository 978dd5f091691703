using Microsoft.Extensions.Logging;

namespace DotNettyFraming.CommandLine.Logging;

/// <summary>What makes two log events repetitions of each other: all but their arguments.</summary>
/// <param name="Category">The logger's name.</param>
/// <param name="EventId">The event's number; 0 where it has none.</param>
/// <param name="Level">Its level.</param>
/// <param name="Template">Its message before the arguments are put in; empty where there is none.</param>
internal readonly record struct LogEventKind(string Category, int EventId, LogLevel Level, string Template)
{
    // By this name the template is the last of an event's values (Microsoft.Extensions.Logging, FormattedLogValues).
    private const string TemplateName = "{OriginalFormat}";

    /// <summary>The kind of an event as a logger receives it.</summary>
    public static LogEventKind Of<TState>(string category, EventId eventId, LogLevel level, TState state)
    {
        string template = state is IReadOnlyList<KeyValuePair<string, object?>> { Count: > 0 } values
            && values[^1] is { Key: TemplateName, Value: string text } ? text : "";
        return new LogEventKind(category, eventId.Id, level, template);
    }
}
