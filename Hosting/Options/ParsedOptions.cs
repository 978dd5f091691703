using System.CommandLine;
using System.CommandLine.Parsing;

namespace DotNettyFraming.Hosting.Options;

/// <summary>The result of parsing: the record and all faults.</summary>
/// <remarks>A program adds conflicts between options with <see cref="Reject"/>, and then calls <see cref="Conclude"/>.</remarks>
internal sealed class ParsedOptions<TOptions>
{
    private readonly OptionSet<TOptions> _set;
    private readonly IReadOnlyList<string> _arguments;
    private readonly ProgramEnvironment _environment;
    private readonly ParseResult _result;
    private readonly List<string> _errors = [];

    internal ParsedOptions(
        OptionSet<TOptions> set, IReadOnlyList<string> arguments, ProgramEnvironment environment, ParseResult result, TOptions options)
    {
        _set = set;
        _arguments = arguments;
        _environment = environment;
        _result = result;
        Options = options;
        Warnings = environment.Unknown(set.Declarations);
        ReadStrays();
        foreach (ParseError error in result.Errors)
        {
            _errors.Add(Fault.Line(Origin(((OptionResult)error.SymbolResult!).Option), error.Message));
        }

        foreach (OptionDeclaration option in set.Declarations.Where(option => option.CodeFault is not null && !IsGivenByUser(option)))
        {
            _errors.Add(Fault.Line($"{option.Name} (set by code)", option.CodeFault!));
        }
    }

    /// <summary>The record; a faulty option has its default, so that the others can be checked too.</summary>
    public TOptions Options { get; }

    /// <summary>All faults, one line each: the option, its environment variable if it came from there, and the problem.</summary>
    public IReadOnlyList<string> Errors => _errors;

    /// <summary>Unknown environment variables, one line each.</summary>
    public IReadOnlyList<string> Warnings { get; }

    /// <summary>The lines of <c>--check</c>: each option with the value in force and, if not the command line, its source.</summary>
    public IEnumerable<string> Settings => _set.Declarations.Select(option => ControlCharacters.Escape(
        $"{option.Name} {TextOf(option)}{SourceOf(option)}"));

    /// <summary>Whether an option was given or set by code, valid or not.</summary>
    public bool IsGiven(string name) => IsGiven(Find(name));

    /// <summary>Adds a fault that only the program can find: <c>--tls-key</c>, <c>needs --tls-certificate</c>.</summary>
    public void Reject(string name, string reason) => _errors.Add(Fault.Line(Origin(Find(name).Symbol), reason));

    /// <summary>Rejects each of these options that was given without the other one.</summary>
    public void Require(string other, params ReadOnlySpan<string> names)
    {
        foreach (string name in names)
        {
            if (IsGiven(name) && !IsGiven(other))
            {
                Reject(name, $"needs {other}");
            }
        }
    }

    /// <summary>Prints help, version or all faults, and returns the exit code; null if the program is to continue.</summary>
    public int? Conclude(TextWriter output, TextWriter error)
    {
        bool help = IsOnCommandLine(_set.Help);
        if (help || IsOnCommandLine(_set.Version))
        {
            output.WriteLine(help ? _set.HelpText : _set.VersionText);
            return ExitCode.Success;
        }

        if (_errors.Count == 0)
        {
            return null;
        }

        foreach (string line in _errors.Concat(Warnings.Select(warning => $"warning: {warning}")))
        {
            error.WriteLine(line);
        }

        return ExitCode.Usage;
    }

    private string TextOf(OptionDeclaration option) =>
        _result.Errors.Any(error => (error.SymbolResult as OptionResult)?.Option == option.Symbol)
            ? option.DefaultText
            : option.Format(_result, IsGiven(option));

    private string SourceOf(OptionDeclaration option) =>
        IsOnCommandLine(option.Symbol) ? ""
        : IsGivenByUser(option) ? $" ({option.EnvironmentVariable})"
        : option.IsSetByCode ? " (set by code)"
        : " (default)";

    private bool IsGiven(OptionDeclaration option) => option.IsSetByCode || IsGivenByUser(option);

    private bool IsGivenByUser(OptionDeclaration option) =>
        IsOnCommandLine(option.Symbol) || _environment[option.EnvironmentVariable] is not null;

    private bool IsOnCommandLine(Option option) => _result.GetResult(option) is { Implicit: false };

    private OptionDeclaration Find(string name) => _set.Declarations.First(option => option.Name == name);

    private string Origin(Option option) =>
        IsOnCommandLine(option) || _environment[Find(option.Name).EnvironmentVariable] is null
            ? option.Name
            : $"{option.Name} (from {Find(option.Name).EnvironmentVariable})";

    /// <summary>Adds a fault for each argument that belongs to no option.</summary>
    private void ReadStrays()
    {
        string? unknownOption = null;

        // The parser reads a leading `[x]` as a directive, without an error.
        IEnumerable<string> directives = _result.Tokens.Where(token => token.Type == TokenType.Directive).Select(token => token.Value);
        foreach (string stray in directives.Concat(_result.UnmatchedTokens))
        {
            if (stray.Length > 1 && stray[0] == '-')
            {
                unknownOption = stray;
                bool isKnown = _set.Declarations.Any(known => known.Name == stray);
                string name = Fault.Shorten(stray.Split('=', 2)[0]);
                _errors.Add(Fault.Line(name, isKnown ? "stands after --, where no options are read" : "unknown option"));
            }
            else if (unknownOption is null || !Follows(unknownOption, stray))
            {
                _errors.Add(Fault.Line(Fault.Quote(stray), "unexpected; a value stands after the name of its option"));
            }
        }
    }

    /// <summary>Whether an argument is the value of an unknown option, which is no second fault.</summary>
    private bool Follows(string option, string stray) =>
        Enumerable.Range(1, Math.Max(0, _arguments.Count - 1)).Any(i => _arguments[i - 1] == option && _arguments[i] == stray);
}

/// <summary>The wording of faults: <c>--port (from FRAMING_PORT): '70000' is out of range (0 to 65535)</c>.</summary>
internal static class Fault
{
    private const int MaxQuotation = 80; // characters

    public static string Line(string origin, string reason) => ControlCharacters.Escape($"{origin}: {reason}");

    public static string Quote(string text) => $"'{Shorten(text)}'";

    public static string Shorten(string text) => text.Length > MaxQuotation ? $"{text[..MaxQuotation]}…" : text;
}
