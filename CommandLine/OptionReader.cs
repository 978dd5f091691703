using System.CommandLine;
using System.CommandLine.Parsing;

namespace DotNettyFraming.CommandLine;

/// <summary>Reads one command line and environment against an <see cref="OptionSet"/>.</summary>
/// <remarks>
/// System.CommandLine cuts the command line into options and their texts, and that is all it may do: every option is declared to it as
/// "any number of texts", so that it finds no fault of its own, prints nothing and exits nowhere. Values from either source then go
/// through the same parser of the <see cref="OptionDeclaration"/>, and all faults are worded in one place.
/// </remarks>
internal sealed class OptionReader
{
    private static readonly ParserConfiguration Configuration = new()
    {
        // `@x` is a text like any other: no files are read that nobody spoke of.
        ResponseFileTokenReplacer = null,
        EnablePosixBundling = false,
    };

    private readonly OptionSet _set;
    private readonly IReadOnlyList<string> _arguments;
    private readonly IReadOnlyDictionary<string, string> _environment;
    private readonly Dictionary<OptionDeclaration, GivenOption> _given = [];
    private readonly List<string> _errors = [];

    public OptionReader(OptionSet set, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string> environment)
    {
        _set = set;
        _arguments = arguments;
        _environment = environment;
    }

    public ParseOutcome Read()
    {
        var help = new Option<bool>("--help", "-h", "-?") { Arity = ArgumentArity.Zero };
        var version = new Option<bool>("--version") { Arity = ArgumentArity.Zero };
        var options = _set.Declarations.ToDictionary(declaration => declaration, AsOption);
        string name = _set.ProgramName.Replace(' ', '-'); // a set of a program's mode, `NAME MODE`; the parser takes no spaces
        var command = new Command(name) { TreatUnmatchedTokensAsErrors = false };
        foreach (Option option in options.Values.Append(help).Append(version))
        {
            command.Add(option);
        }

        // The program's name goes in front, as the parser would otherwise swallow a first argument that happens to equal it.
        ParseResult result = CommandLineParser.Parse(command, [name, .. _arguments], Configuration);
        ReadStrays(result);
        foreach ((OptionDeclaration declaration, Option option) in options)
        {
            ReadOption(declaration, result.GetResult(option));
        }

        return new ParseOutcome(_set, _given, _errors, UnknownVariables())
        {
            HelpRequested = result.GetResult(help) is { Implicit: false },
            VersionRequested = result.GetResult(version) is { Implicit: false },
        };
    }

    private static Option AsOption(OptionDeclaration declaration) => declaration.IsFlag
        // A flag takes the next argument only if it reads as true or false, which the parser grants to type bool alone.
        ? new Option<bool>(declaration.Name) { Arity = ArgumentArity.ZeroOrMore, CustomParser = _ => true }
        : new Option<string[]>(declaration.Name) { Arity = ArgumentArity.ZeroOrMore };

    private void ReadOption(OptionDeclaration declaration, OptionResult? result)
    {
        if (result is null or { Implicit: true })
        {
            if (_environment.TryGetValue(declaration.EnvironmentVariable, out string? variable)
                && variable.Length > 0 && !ServiceLinks.IsUrl(declaration.EnvironmentVariable, variable))
            {
                ReadText(declaration, OptionSource.Environment, variable);
            }
        }
        else if (result.IdentifierTokenCount > 1)
        {
            Reject(declaration, $"given {result.IdentifierTokenCount} times; once says which value is meant");
        }
        else if (result.Tokens.Count > 0)
        {
            ReadText(declaration, OptionSource.CommandLine, result.Tokens[0].Value);
        }
        else if (declaration.IsFlag)
        {
            ReadText(declaration, OptionSource.CommandLine, "true");
        }
        else
        {
            Reject(declaration, $"needs a value ({declaration.Placeholder})");
        }
    }

    private void ReadText(OptionDeclaration declaration, OptionSource source, string text)
    {
        object? value = declaration.Read(text, out string? fault);
        _given[declaration] = new GivenOption(source, text, value, IsFaulty: fault is not null);
        if (fault is not null)
        {
            _errors.Add(Fault.Line(Fault.Origin(declaration, source), $"{Fault.Quote(text)} {fault}"));
        }
    }

    private void Reject(OptionDeclaration declaration, string reason)
    {
        _given[declaration] = new GivenOption(OptionSource.CommandLine, "", null, IsFaulty: true);
        _errors.Add(Fault.Line(declaration.Name, reason));
    }

    /// <summary>Faults for what belongs to no option.</summary>
    private void ReadStrays(ParseResult result)
    {
        string? unknownOption = null;
        // The parser takes a leading `[x]` for a directive, and would say nothing.
        IEnumerable<string> directives = result.Tokens.Where(token => token.Type == TokenType.Directive).Select(token => token.Value);
        foreach (string stray in directives.Concat(result.UnmatchedTokens))
        {
            if (stray.Length > 1 && stray[0] == '-')
            {
                unknownOption = stray;
                bool afterDashes = _set.Declarations.Any(known => known.Name == stray);
                string name = Fault.Shorten(stray.Split('=', 2)[0]);
                _errors.Add(Fault.Line(name, afterDashes ? "stands after --, where no options are read" : "unknown option"));
            }
            else if (FlagThatWasGiven(stray) is { } flag)
            {
                ReadText(flag, OptionSource.CommandLine, stray);
            }
            else if (unknownOption is null || !Follows(unknownOption, stray))
            {
                _errors.Add(Fault.Line(Fault.Quote(stray), "unexpected; a value stands after the name of its option"));
            }
        }
    }

    /// <summary>The value of an unknown option is not a second fault.</summary>
    private bool Follows(string option, string stray)
    {
        for (int i = 1; i < _arguments.Count; i++)
        {
            if (_arguments[i - 1] == option && _arguments[i] == stray)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Of <c>--check=maybe</c> the parser takes <c>--check</c>, and hands back <c>maybe</c>, which no flag takes.</summary>
    private OptionDeclaration? FlagThatWasGiven(string stray) => _set.Declarations.FirstOrDefault(option =>
        option.IsFlag && (_arguments.Contains($"{option.Name}={stray}") || _arguments.Contains($"{option.Name}:{stray}")));

    private List<string> UnknownVariables()
    {
        var known = _set.Declarations.Select(declaration => declaration.EnvironmentVariable).ToHashSet(StringComparer.Ordinal);
        return [.. _environment
            .Where(variable => variable.Value.Length > 0 && EnvironmentPrefix.Owns(_set.Prefix, variable.Key))
            .Where(variable => !known.Contains(variable.Key) || ServiceLinks.IsUrl(variable.Key, variable.Value))
            .Where(variable => !ServiceLinks.Contains(_environment, variable.Key))
            .Select(variable => Fault.Line(Fault.Shorten(variable.Key), known.Contains(variable.Key)
                ? $"{Fault.Quote(variable.Value)} is not a port but a Kubernetes service link, ignored"
                : "unknown environment variable, ignored"))
            .Order(StringComparer.Ordinal)];
    }
}
