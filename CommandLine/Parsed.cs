namespace DotNettyFraming.CommandLine;

/// <summary>What came of reading an option's text: a value, or the reason why it is none.</summary>
/// <typeparam name="T">The option's type.</typeparam>
public readonly record struct Parsed<T>
{
    internal Parsed(T value, string? fault)
    {
        Value = value;
        Fault = fault;
    }

    /// <summary>The value; meaningless where there is a <see cref="Fault"/>.</summary>
    public T Value { get; }

    /// <summary>What is wrong, worded to follow the quoted text: <c>is not an integer</c>. Null where nothing is.</summary>
    public string? Fault { get; }

    /// <summary>The same outcome with its value seen as another type; a fault stays as it is.</summary>
    /// <typeparam name="TOther">The type to see it as.</typeparam>
    /// <param name="convert">Called only where there is a value.</param>
    /// <returns>The converted value, or the fault.</returns>
    public Parsed<TOther> Select<TOther>(Func<T, TOther> convert)
    {
        ArgumentNullException.ThrowIfNull(convert);
        return Fault is null ? Parsed.Of(convert(Value)) : Parsed.Fault<TOther>(Fault);
    }

    internal Parsed<T> Within(T min, T max, string range, IComparer<T>? comparer = null)
    {
        comparer ??= Comparer<T>.Default;
        return Fault is null && (comparer.Compare(Value, min) < 0 || comparer.Compare(Value, max) > 0)
            ? Parsed.OutOfRange<T>(range)
            : this;
    }
}

/// <summary>Makes <see cref="Parsed{T}"/>s.</summary>
public static class Parsed
{
    /// <summary>A value.</summary>
    /// <typeparam name="T">The option's type.</typeparam>
    /// <param name="value">The value.</param>
    /// <returns>The outcome.</returns>
    public static Parsed<T> Of<T>(T value) => new(value, null);

    /// <summary>No value.</summary>
    /// <typeparam name="T">The option's type.</typeparam>
    /// <param name="reason">Worded to follow the quoted text: <c>is not an integer</c>.</param>
    /// <returns>The outcome.</returns>
    public static Parsed<T> Fault<T>(string reason) => new(default!, reason);

    internal static Parsed<T> OutOfRange<T>(string range) => Fault<T>($"is out of range ({range})");
}
