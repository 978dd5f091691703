namespace DotNettyFraming.CommandLine;

/// <summary>One option, said once: parsing, <c>--help</c>, the environment and the README's table all come from here.</summary>
/// <remarks>Made by an <see cref="OptionSet"/>; immutable, so usable from any thread.</remarks>
public abstract class OptionDeclaration
{
    private protected OptionDeclaration(OptionDescription description, string environmentVariable)
    {
        Name = description.Name;
        Placeholder = description.Placeholder;
        DefaultText = description.DefaultText;
        Description = description.Description;
        Range = description.Range;
        EnvironmentVariable = environmentVariable;
    }

    /// <summary>Its name as typed: <c>--idle-timeout</c>.</summary>
    public string Name { get; }

    /// <summary>What stands for its value in help: <c>DURATION</c>, <c>auto|epoll|sockets</c>. Null for a flag, which needs none.</summary>
    public string? Placeholder { get; }

    /// <summary>Its default, as a user would type it or in words: <c>300s</c>, <c>number of processors</c>.</summary>
    public string DefaultText { get; }

    /// <summary>What it means, in full sentences.</summary>
    public string Description { get; }

    /// <summary>The values that it accepts, where they are an interval: <c>0 to 65535</c>.</summary>
    public string? Range { get; }

    /// <summary>The environment variable that gives it where the command line does not: <c>FRAMING_IDLE_TIMEOUT</c>.</summary>
    public string EnvironmentVariable { get; }

    /// <summary>Whether it is a flag: present or not, or <c>true</c> or <c>false</c>.</summary>
    public bool IsFlag => Placeholder is null;

    /// <summary>Reads a value from its text.</summary>
    internal abstract object? Read(string text, out string? fault);

    /// <summary>Writes the value that holds, as a user would type it.</summary>
    internal abstract string Format(GivenOption? given);
}

/// <summary>An <see cref="OptionDeclaration"/> whose value has a type; ask a <see cref="ParseOutcome"/> for it.</summary>
/// <typeparam name="T">The type of its value.</typeparam>
public sealed class OptionDeclaration<T> : OptionDeclaration
{
    private readonly Func<string, Parsed<T>> _parse;
    private readonly Func<T, string>? _format;

    internal OptionDeclaration(
        OptionDescription description, string environmentVariable, T defaultValue, Func<string, Parsed<T>> parse, Func<T, string>? format)
        : base(description, environmentVariable)
    {
        DefaultValue = defaultValue;
        _parse = parse;
        _format = format;
    }

    /// <summary>Its value where nobody gives one.</summary>
    public T DefaultValue { get; }

    internal override object? Read(string text, out string? fault)
    {
        Parsed<T> parsed = _parse(text);
        fault = parsed.Fault;
        return parsed.Value;
    }

    internal override string Format(GivenOption? given)
    {
        T value = ValueOf(given);
        return value is not null && _format is not null ? _format(value)
            : given is { IsFaulty: false } ? given.Text
            : DefaultText;
    }

    /// <summary>What was given; the default where nothing was, or something faulty.</summary>
    internal T ValueOf(GivenOption? given) => given is { IsFaulty: false } ? (T)given.Value! : DefaultValue;
}

/// <summary>What an option says of itself to a reader.</summary>
internal sealed record OptionDescription(string Name, string? Placeholder, string DefaultText, string Description, string? Range = null);
