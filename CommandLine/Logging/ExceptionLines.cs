namespace DotNettyFraming.CommandLine.Logging;

/// <summary>An exception, and those inside it, as lines: type and escaped message, then the stack; bounded.</summary>
internal static class ExceptionLines
{
    /// <summary>Lines at most; a deep recursion would otherwise be a flood by itself, and <see cref="LogLimit"/> could never let it through.</summary>
    public const int Max = 100;

    /// <summary>The lines, indented.</summary>
    public static IEnumerable<string> Of(Exception exception) => All(exception).Take(Max);

    /// <summary>How many they are.</summary>
    public static int CountOf(Exception exception) => Of(exception).Count();

    private static IEnumerable<string> All(Exception outermost)
    {
        const StringSplitOptions NoBlanks = StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries;
        for (Exception? exception = outermost; exception is not null; exception = exception.InnerException)
        {
            yield return $"    {exception.GetType()}: {ControlCharacters.Escape(exception.Message)}";
            foreach (string frame in (exception.StackTrace ?? "").Split('\n', NoBlanks))
            {
                yield return $"      {frame}";
            }
        }
    }
}
