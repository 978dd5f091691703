using System.CommandLine;
using System.CommandLine.Parsing;
using System.Reflection;

namespace DotNettyFraming.Hosting.Options;

/// <summary>One option of a set, for <c>--help</c>, <c>--check</c> and the README.</summary>
internal abstract class OptionDeclaration
{
    /// <summary>With dashes: <c>--idle-timeout</c>.</summary>
    public required string Name { get; init; }

    /// <summary>Stands for the value in help: <c>DURATION</c>. Null for a flag, which needs no value.</summary>
    public required string? Placeholder { get; init; }

    /// <summary>The default as typed, or in words: <c>300s</c>, <c>number of processors</c>.</summary>
    public required string DefaultText { get; init; }

    /// <summary>Full sentences.</summary>
    public required string Description { get; init; }

    /// <summary>The values accepted, where they are an interval: <c>0 to 65535</c>.</summary>
    public required string? Range { get; init; }

    /// <summary>Gives the value where the command line does not: <c>FRAMING_IDLE_TIMEOUT</c>.</summary>
    public required string EnvironmentVariable { get; init; }

    /// <summary>Whether <see cref="DefaultText"/> is in words.</summary>
    public required bool IsWords { get; init; }

    /// <summary>The option of System.CommandLine.</summary>
    public abstract Option Symbol { get; }

    /// <summary>Writes the value in force as it would be typed; a default that is no value, in words.</summary>
    public abstract string Format(ParseResult result, bool isGiven);
}

/// <summary>The options of a program, whatever record they are read into.</summary>
/// <param name="programName">The executable's name.</param>
/// <param name="description">The purpose of the program.</param>
/// <param name="prefix">The start of the names of its environment variables (<see cref="EnvironmentPrefix"/>).</param>
internal abstract class OptionSet(string programName, string description, string prefix)
{
    public string ProgramName { get; } = programName;

    public string Description { get; } = description;

    public string Prefix { get; } = prefix;

    /// <summary>All options, in the order of their declaration, which is the order of help.</summary>
    public abstract IReadOnlyList<OptionDeclaration> Declarations { get; }

    /// <summary>The output of <c>--help</c>.</summary>
    public string HelpText => HelpPage.Render(this);

    /// <summary>The output of <c>--version</c>; all assemblies of this solution have one version.</summary>
    public string VersionText =>
        $"{ProgramName} {typeof(OptionSet).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion}";
}

/// <summary>The options of a program, each declared once, and read from command line and environment into one record.</summary>
/// <remarks>
/// <code>
/// var set = new OptionSet&lt;ServerOptions&gt;("DotNettyFraming.Server", "Receives packets.", EnvironmentPrefix.Server, new ServerOptions());
/// set.Add("--port", OptionKind.Integer(0, 65535, "PORT"), 9999, (options, port) => options with { Port = port }, "TCP port; 0 picks a free one.");
/// ParsedOptions&lt;ServerOptions&gt; parsed = set.Parse(args);
/// </code>
/// Values of the environment come through <see cref="Option{T}.DefaultValueFactory"/>; as arguments they would count as a second
/// <c>--port</c>. One parse at a time.
/// </remarks>
internal sealed class OptionSet<TOptions> : OptionSet
{
    private static readonly ParserConfiguration Configuration = new()
    {
        ResponseFileTokenReplacer = null, // `@x` is a text like any other
        EnablePosixBundling = false,
    };

    private readonly TOptions _defaults;
    private readonly Command _command;
    private readonly List<Declaration> _declarations = [];
    private ProgramEnvironment _environment;

    /// <param name="programName">The executable's name, with its mode if it has some.</param>
    /// <param name="description">The purpose of the program.</param>
    /// <param name="prefix">One of <see cref="EnvironmentPrefix"/>.</param>
    /// <param name="defaults">The record before anything was given.</param>
    public OptionSet(string programName, string description, string prefix, TOptions defaults)
        : base(programName, description, prefix)
    {
        _defaults = defaults;
        _command = new Command(programName.Replace(' ', '-')) { TreatUnmatchedTokensAsErrors = false };
        _command.Add(Help);
        _command.Add(Version);
    }

    public override IReadOnlyList<OptionDeclaration> Declarations => _declarations;

    internal Option<bool> Help { get; } = new("--help", "-h", "-?") { Arity = ArgumentArity.Zero };

    internal Option<bool> Version { get; } = new("--version") { Arity = ArgumentArity.Zero };

    /// <summary>Declares an option.</summary>
    /// <param name="name">Its name with dashes.</param>
    /// <param name="kind">Reads its text.</param>
    /// <param name="defaultValue">Its value where none is given; the record's property names its source.</param>
    /// <param name="set">Returns the record with a value that was given.</param>
    /// <param name="description">Full sentences, with the unit.</param>
    /// <param name="defaultText">The default in words, where it is computed or there is none.</param>
    public void Add<T>(
        string name, OptionKind<T> kind, T defaultValue, Func<TOptions, T, TOptions> set, string description, string? defaultText = null) =>
        Declare(name, kind, defaultValue, (options, value) => set(options, (T)value!), description, defaultText);

    /// <summary>Reads the command line, and the environment (this process's by default). No text throws.</summary>
    public ParsedOptions<TOptions> Parse(IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        _environment = new ProgramEnvironment(Prefix, environment ?? ProgramEnvironment.OfProcess());

        // The program's name goes in front, as the parser would otherwise swallow a first argument that equals it.
        ParseResult result = CommandLineParser.Parse(_command, [_command.Name, .. arguments], Configuration);
        HashSet<Option> faulty = [.. result.Errors.Select(error => error.SymbolResult).OfType<OptionResult>().Select(option => option.Option)];
        TOptions options = _defaults;
        foreach (Declaration declaration in _declarations)
        {
            bool isGiven = result.GetResult(declaration.Symbol) is { Implicit: false } || _environment[declaration.EnvironmentVariable] is not null;
            if (isGiven && !faulty.Contains(declaration.Symbol))
            {
                options = declaration.Apply(options, result);
            }
        }

        return new ParsedOptions<TOptions>(this, arguments, _environment, result, options);
    }

    private static Parsed<object?> Read(ArgumentResult result, AnyOptionKind kind, string text)
    {
        Parsed<object?> parsed = kind.ParseBoxed(text);
        if (parsed.Fault is not null)
        {
            result.AddError($"{Fault.Quote(text)} {parsed.Fault}");
        }

        return parsed;
    }

    private void Declare(
        string name, AnyOptionKind kind, object? defaultValue, Func<TOptions, object?, TOptions> set, string description, string? defaultText)
    {
        if (_declarations.Any(known => known.Name == name))
        {
            throw new ArgumentException($"{name} is declared twice.", nameof(name));
        }

        string variable = Prefix + name[2..].Replace('-', '_').ToUpperInvariant();

        // A class as the value: System.CommandLine throws when a parser returns null.
        var option = new Option<Parsed<object?>>(name)
        {
            Arity = ArgumentArity.ZeroOrMore, // every fault is worded here
            CustomParser = result => Read(result, kind, result.Tokens[0].Value),
            DefaultValueFactory = result =>
                result.Parent is OptionResult { Implicit: false } ? Read(result, kind, bool.TrueString) // a flag without a value
                : _environment[variable] is { } text ? Read(result, kind, text)
                : new Parsed<object?>(defaultValue, null),
        };
        option.Validators.Add(result =>
        {
            if (result.IdentifierTokenCount > 1)
            {
                result.AddError($"given {result.IdentifierTokenCount} times; once says which value is meant");
            }
            else if (!result.Implicit && result.Tokens.Count == 0 && kind.Placeholder is not null)
            {
                result.AddError($"needs a value ({kind.Placeholder})");
            }
        });
        _command.Add(option);
        _declarations.Add(new Declaration(option, kind, defaultValue, set)
        {
            Name = name,
            Placeholder = kind.Placeholder,
            DefaultText = defaultText ?? kind.FormatBoxed(defaultValue),
            IsWords = defaultText is not null,
            Description = description,
            Range = kind.Range,
            EnvironmentVariable = variable,
        });
    }

    private sealed class Declaration(
        Option<Parsed<object?>> option, AnyOptionKind kind, object? defaultValue, Func<TOptions, object?, TOptions> set) : OptionDeclaration
    {
        public override Option Symbol => option;

        public TOptions Apply(TOptions options, ParseResult result) => set(options, ValueOf(result));

        public override string Format(ParseResult result, bool isGiven) =>
            !isGiven && IsWords && IsNoValue(defaultValue) ? DefaultText
            : kind.FormatBoxed(ValueOf(result)) is { Length: > 0 } text ? text
            : DefaultText;

        private static bool IsNoValue(object? value) => value is null or 0 or 0L || value.GetType().IsEnum;

        private object? ValueOf(ParseResult result) => result.GetValue(option)!.Value;
    }
}
