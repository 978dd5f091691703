using System.CommandLine;
using System.CommandLine.Parsing;
using System.Reflection;

namespace DotNettyFraming.Hosting.Options;

/// <summary>One option of a set, for <c>--help</c>, <c>--check</c> and the manual.</summary>
internal sealed class OptionDeclaration(Option<Parsed<object?>> symbol, AnyOptionKind kind, object? defaultValue)
{
    public string Name => symbol.Name; // with dashes
    public AnyOptionKind Kind => kind;
    public Option Symbol => symbol;
    public required string Description { get; init; } // full sentences
    public required string? DefaultWords { get; init; } // the default, if it is computed or there is none
    public required string EnvironmentVariable { get; init; }

    public string DefaultText => DefaultWords ?? kind.FormatBoxed(defaultValue);

    public required bool IsSetByCode { get; init; } // the program's code changed the default

    /// <summary>The fault of a default that the program's code set; null if it is valid.</summary>
    public string? CodeFault => IsSetByCode ? kind.FaultOf(kind.FormatBoxed(defaultValue)) : null;

    public object? ValueOf(ParseResult result) => result.GetValue(symbol)!.Value;

    /// <summary>Writes the value in force as it would be typed; a default that is no value, in words.</summary>
    public string Format(ParseResult result, bool isGiven)
    {
        bool isNoValue = defaultValue is null or 0 or 0L || defaultValue.GetType().IsEnum;
        return !isGiven && DefaultWords is not null && isNoValue ? DefaultText
            : kind.FormatBoxed(ValueOf(result)) is { Length: > 0 } text ? text
            : DefaultText;
    }
}

/// <summary>The options of a program, whatever record they are read into.</summary>
/// <param name="programName">The executable's name, with its mode if it has some.</param>
/// <param name="description">The purpose of the program.</param>
/// <param name="prefix">One of <see cref="EnvironmentPrefix"/>.</param>
internal abstract class OptionSet(string programName, string description, string prefix)
{
    public string ProgramName { get; } = programName;
    public string Description { get; } = description;
    public string Prefix { get; } = prefix;
    public abstract IReadOnlyList<OptionDeclaration> Declarations { get; } // in the order of help
    public string HelpText => HelpPage.Render(this);

    public string VersionText => // all assemblies of this solution have one version
        $"{ProgramName} {typeof(OptionSet).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion}";
}

/// <summary>The options of a program, each declared once, and read from command line and environment into one record.</summary>
/// <remarks>
/// <code>
/// var set = new OptionSet&lt;ServerOptions&gt;("DotNettyFraming.Server", "Receives packets.", "FRAMING_", new ServerOptions());
/// set.Add("--port", OptionKind.Integer(0, 65535, "PORT"), 9999, (options, port) => options with { Port = port }, "TCP port.");
/// ParsedOptions&lt;ServerOptions&gt; parsed = set.Parse(args);
/// </code>
/// Environment variables are read by <see cref="Option{T}.DefaultValueFactory"/>; as arguments they would count as a second
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
    private readonly TOptions _original;
    private readonly Command _command;
    private readonly List<OptionDeclaration> _declarations = [];
    private readonly List<Func<TOptions, object?, TOptions>> _setters = []; // of the declarations
    private ProgramEnvironment _environment;

    /// <param name="programName">The executable's name.</param>
    /// <param name="description">The purpose of the program.</param>
    /// <param name="prefix">One of <see cref="EnvironmentPrefix"/>.</param>
    /// <param name="defaults">The record before anything was given.</param>
    /// <param name="original">The record before code changed <paramref name="defaults"/>; null if it cannot.</param>
    public OptionSet(string programName, string description, string prefix, TOptions defaults, TOptions? original = default)
        : base(programName, description, prefix)
    {
        _defaults = defaults;
        _original = original ?? defaults;
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
    /// <param name="defaultValue">Its value if none is given; the record's property names its source.</param>
    /// <param name="set">Returns the record with a value that was given.</param>
    /// <param name="description">Full sentences, with the unit.</param>
    /// <param name="defaultText">The default in words, if it is computed or there is none.</param>
    public void Add<T>(
        string name, OptionKind<T> kind, T defaultValue, Func<TOptions, T, TOptions> set, string description, string? defaultText = null) =>
        Declare(name, kind, defaultValue, (options, value) => set(options, (T)value!), description, defaultText);

    /// <summary>Reads the command line, and the environment (this process's by default). No text throws.</summary>
    public ParsedOptions<TOptions> Parse(IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        _environment = new ProgramEnvironment(Prefix, environment ?? ProgramEnvironment.OfProcess());

        // The program's name comes first, as the parser would swallow a first argument that equals it.
        ParseResult result = CommandLineParser.Parse(_command, [_command.Name, .. arguments], Configuration);
        HashSet<Option?> faulty = [.. result.Errors.Select(error => (error.SymbolResult as OptionResult)?.Option)];
        TOptions options = _defaults;
        for (int i = 0; i < _declarations.Count; i++)
        {
            OptionDeclaration option = _declarations[i];
            bool isGiven = result.GetResult(option.Symbol) is { Implicit: false } || _environment[option.EnvironmentVariable] is not null;
            if (isGiven && !faulty.Contains(option.Symbol))
            {
                options = _setters[i](options, option.ValueOf(result));
            }
        }

        return new ParsedOptions<TOptions>(this, arguments, _environment, result, options);
    }

    private static Parsed<object?> Read(ArgumentResult result, AnyOptionKind kind, string text)
    {
        if (kind.FaultOf(text) is { } fault)
        {
            result.AddError(fault);
        }

        return kind.ParseBoxed(text);
    }

    private void Declare(
        string name,
        AnyOptionKind kind,
        object? defaultValue,
        Func<TOptions, object?, TOptions> set,
        string description,
        string? defaultText)
    {
        if (_declarations.Any(known => known.Name == name))
        {
            throw new ArgumentException($"{name} is declared twice.", nameof(name));
        }

        string variable = Prefix + name[2..].Replace('-', '_').ToUpperInvariant();

        // A class as the value, as System.CommandLine throws if a parser returns null.
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
        bool isSetByCode = !ReferenceEquals(_defaults, _original) && !Equals(set(_original, defaultValue), _original);
        _setters.Add(set);
        _declarations.Add(new OptionDeclaration(option, kind, defaultValue)
        {
            IsSetByCode = isSetByCode,
            Description = description,
            DefaultWords = isSetByCode ? null : defaultText,
            EnvironmentVariable = variable,
        });
    }
}
