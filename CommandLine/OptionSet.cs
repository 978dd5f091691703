using System.Collections;
using System.Numerics;
using System.Reflection;

namespace DotNettyFraming.CommandLine;

/// <summary>A program's options: declared once each, then parsed from the command line and the environment in one pass.</summary>
/// <remarks>
/// <code>
/// var set = new OptionSet("DotNettyFraming.Server", "Receives packets and counts them.", EnvironmentPrefix.Server);
/// OptionDeclaration&lt;int&gt; port = set.Number("--port", "PORT", 9999, "TCP port; 0 picks a free one.", 0, 65535);
///
/// ParseOutcome outcome = set.Parse(args);
/// if (outcome.Conclude(Console.Out, Console.Error) is int exitCode)
/// {
///     return exitCode;
/// }
///
/// Listen(outcome.Value(port));
/// </code>
/// Declare everything before the first <see cref="Parse(IReadOnlyList{string})"/>; not for several threads until then.
/// </remarks>
public sealed class OptionSet
{
    private readonly List<OptionDeclaration> _declarations = [];

    /// <summary>Starts a program's set of options.</summary>
    /// <param name="programName">The executable's name.</param>
    /// <param name="description">What the program does, for the head of <c>--help</c>.</param>
    /// <param name="environmentPrefix">One of <see cref="EnvironmentPrefix"/>.</param>
    public OptionSet(string programName, string description, string environmentPrefix)
    {
        ProgramName = programName;
        Description = description;
        Prefix = environmentPrefix;
    }

    /// <summary>The executable's name.</summary>
    public string ProgramName { get; }

    /// <summary>What the program does.</summary>
    public string Description { get; }

    /// <summary>How the names of its environment variables begin.</summary>
    public string Prefix { get; }

    /// <summary>All options in the order of their declaration, which is the order of <c>--help</c>.</summary>
    public IReadOnlyList<OptionDeclaration> Declarations => _declarations;

    /// <summary>What <c>--help</c> prints.</summary>
    public string HelpText => HelpPage.Render(this);

    /// <summary>What <c>--version</c> prints. All assemblies of this solution have one version, so this one's is the program's.</summary>
    public string VersionText =>
        $"{ProgramName} {typeof(OptionSet).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion}";

    /// <summary>Declares a flag: off unless present. The environment, and <c>--name=…</c>, say <c>true</c> or <c>false</c>.</summary>
    /// <param name="name">Its name with dashes.</param>
    /// <param name="description">What it means.</param>
    /// <returns>The declaration.</returns>
    public OptionDeclaration<bool> Flag(string name, string description) =>
        Add(
            new(name, null, "off", description),
            false,
            text => bool.TryParse(text, out bool value) ? Parsed.Of(value) : Parsed.Fault<bool>("is neither true nor false"),
            value => value ? "on" : "off");

    /// <summary>Declares an integer.</summary>
    /// <typeparam name="T">Any integer type; a value that does not fit into it is out of range.</typeparam>
    /// <param name="name">Its name with dashes.</param>
    /// <param name="placeholder">What stands for the value in help.</param>
    /// <param name="defaultValue">The default.</param>
    /// <param name="description">What it means, with its unit.</param>
    /// <param name="min">The smallest value accepted.</param>
    /// <param name="max">The largest value accepted.</param>
    /// <param name="defaultText">The default in words, where it is computed.</param>
    /// <returns>The declaration.</returns>
    public OptionDeclaration<T> Number<T>(
        string name, string placeholder, T defaultValue, string description, T min, T max, string? defaultText = null)
        where T : struct, IBinaryInteger<T>, IMinMaxValue<T> =>
        Add(
            new(name, placeholder, defaultText ?? $"{defaultValue}", description, IntegerText.Range(min, max)),
            defaultValue,
            text => IntegerText.Parse(text, min, max),
            value => $"{value}");

    /// <summary>Declares an integer that may be absent.</summary>
    /// <typeparam name="T">Any integer type; a value that does not fit into it is out of range.</typeparam>
    /// <param name="name">Its name with dashes.</param>
    /// <param name="placeholder">What stands for the value in help.</param>
    /// <param name="description">What it means, with its unit.</param>
    /// <param name="min">The smallest value accepted.</param>
    /// <param name="max">The largest value accepted.</param>
    /// <param name="defaultText">What its absence means, in words.</param>
    /// <returns>The declaration; its default is null.</returns>
    public OptionDeclaration<T?> OptionalNumber<T>(
        string name, string placeholder, string description, T min, T max, string defaultText = "none")
        where T : struct, IBinaryInteger<T>, IMinMaxValue<T> =>
        Add<T?>(
            new(name, placeholder, defaultText, description, IntegerText.Range(min, max)),
            null,
            text => IntegerText.Parse(text, min, max).Select(value => (T?)value),
            value => $"{value}");

    /// <summary>Declares a duration (<see cref="DurationText"/>).</summary>
    /// <param name="name">Its name with dashes.</param>
    /// <param name="defaultValue">The default.</param>
    /// <param name="description">What it means; and what 0 means, where that is special.</param>
    /// <param name="min">The shortest accepted; null for 0.</param>
    /// <param name="max">The longest accepted; null for <see cref="DurationText.Longest"/>.</param>
    /// <param name="defaultText">The default in words, where it is computed.</param>
    /// <returns>The declaration.</returns>
    public OptionDeclaration<TimeSpan> Duration(
        string name, TimeSpan defaultValue, string description, TimeSpan? min = null, TimeSpan? max = null, string? defaultText = null)
    {
        (TimeSpan shortest, TimeSpan longest) = (min ?? TimeSpan.Zero, max ?? DurationText.Longest);
        string range = $"{DurationText.Format(shortest)} to {DurationText.Format(longest)}";
        return Add(
            new(name, "DURATION", defaultText ?? DurationText.Format(defaultValue), description, range),
            defaultValue,
            text => DurationText.Parse(text).Within(shortest, longest, range),
            DurationText.Format);
    }

    /// <summary>Declares a size in bytes (<see cref="SizeText"/>).</summary>
    /// <param name="name">Its name with dashes.</param>
    /// <param name="defaultValue">The default, bytes.</param>
    /// <param name="description">What it means.</param>
    /// <param name="min">The smallest accepted.</param>
    /// <param name="max">The largest accepted.</param>
    /// <param name="defaultText">The default in words, where it is computed.</param>
    /// <returns>The declaration.</returns>
    public OptionDeclaration<long> Size(
        string name, long defaultValue, string description, long min = 0, long max = long.MaxValue, string? defaultText = null)
    {
        string range = max == long.MaxValue ? $"{SizeText.Format(min)} or more" : $"{SizeText.Format(min)} to {SizeText.Format(max)}";
        return Add(
            new(name, "BYTES", defaultText ?? SizeText.Format(defaultValue), description, range),
            defaultValue,
            text => SizeText.Parse(text).Within(min, max, range),
            SizeText.Format);
    }

    /// <summary>Declares a text. Whatever is given is taken as it is; the empty text too, from the command line.</summary>
    /// <param name="name">Its name with dashes.</param>
    /// <param name="placeholder">What stands for the value in help.</param>
    /// <param name="defaultValue">The default.</param>
    /// <param name="description">What it means.</param>
    /// <param name="defaultText">The default in words.</param>
    /// <returns>The declaration.</returns>
    public OptionDeclaration<string> Text(
        string name, string placeholder, string defaultValue, string description, string? defaultText = null) =>
        Add(new(name, placeholder, defaultText ?? defaultValue, description), defaultValue, Parsed.Of, text => text);

    /// <summary>Declares a path that may be absent.</summary>
    /// <remarks>Only its text is read here; whether the file can be is for whoever opens it to find out.</remarks>
    /// <param name="name">Its name with dashes.</param>
    /// <param name="placeholder">What stands for the value in help: <c>FILE</c>.</param>
    /// <param name="description">What it means.</param>
    /// <param name="defaultText">What its absence means, in words.</param>
    /// <returns>The declaration.</returns>
    public OptionDeclaration<string?> OptionalPath(string name, string placeholder, string description, string defaultText = "none") =>
        Add<string?>(
            new(name, placeholder, defaultText, description),
            null,
            text => PathText.Parse(text).Select(path => (string?)path),
            path => path!);

    /// <summary>Declares a choice among an enum's members, written in lower case with dashes.</summary>
    /// <typeparam name="T">The enum.</typeparam>
    /// <param name="name">Its name with dashes.</param>
    /// <param name="defaultValue">The default.</param>
    /// <param name="description">What it means.</param>
    /// <returns>The declaration.</returns>
    public OptionDeclaration<T> Choice<T>(string name, T defaultValue, string description)
        where T : struct, Enum =>
        Add(
            new(name, ChoiceText<T>.All, ChoiceText<T>.Format(defaultValue), description),
            defaultValue,
            ChoiceText<T>.Parse,
            ChoiceText<T>.Format);

    /// <summary>Declares a choice that may be absent.</summary>
    /// <typeparam name="T">The enum.</typeparam>
    /// <param name="name">Its name with dashes.</param>
    /// <param name="description">What it means.</param>
    /// <param name="defaultText">What its absence means, in words.</param>
    /// <returns>The declaration; its default is null.</returns>
    public OptionDeclaration<T?> OptionalChoice<T>(string name, string description, string defaultText = "none")
        where T : struct, Enum =>
        Add<T?>(
            new(name, ChoiceText<T>.All, defaultText, description),
            null,
            text => ChoiceText<T>.Parse(text).Select(value => (T?)value),
            value => ChoiceText<T>.Format(value!.Value));

    /// <summary>Declares an option with a shape of its own: an endpoint, a list of networks.</summary>
    /// <typeparam name="T">The type of its value.</typeparam>
    /// <param name="name">Its name with dashes.</param>
    /// <param name="placeholder">What stands for the value in help.</param>
    /// <param name="defaultValue">The default.</param>
    /// <param name="defaultText">The default as a user would type it, or in words.</param>
    /// <param name="description">What it means, with its unit.</param>
    /// <param name="parse">Reads it; must not throw for any text.</param>
    /// <param name="format">Writes it as <paramref name="parse"/> reads it, never called for null; without it, a value is shown as typed.</param>
    /// <returns>The declaration.</returns>
    public OptionDeclaration<T> Custom<T>(
        string name,
        string placeholder,
        T defaultValue,
        string defaultText,
        string description,
        Func<string, Parsed<T>> parse,
        Func<T, string>? format = null) =>
        Add(new(name, placeholder, defaultText, description), defaultValue, parse, format);

    /// <summary>Parses the command line, and this process's environment.</summary>
    /// <param name="arguments">The command line, without the program's name.</param>
    /// <returns>Values, faults and warnings; nothing that a user can type throws.</returns>
    public ParseOutcome Parse(IReadOnlyList<string> arguments)
    {
        var environment = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (DictionaryEntry variable in Environment.GetEnvironmentVariables())
        {
            environment[(string)variable.Key] = (string?)variable.Value ?? "";
        }

        return Parse(arguments, environment);
    }

    /// <summary>Parses a command line and an environment.</summary>
    /// <param name="arguments">The command line, without the program's name.</param>
    /// <param name="environment">Variables by name; an empty one is as good as unset.</param>
    /// <returns>Values, faults and warnings; nothing that a user can type throws.</returns>
    public ParseOutcome Parse(IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string> environment) =>
        new OptionReader(this, arguments, environment).Read();

    private OptionDeclaration<T> Add<T>(
        OptionDescription description, T defaultValue, Func<string, Parsed<T>> parse, Func<T, string>? format)
    {
        if (!description.Name.StartsWith("--", StringComparison.Ordinal) || _declarations.Any(known => known.Name == description.Name))
        {
            throw new ArgumentException($"'{description.Name}' is no new option name.", nameof(description));
        }

        string variable = Prefix + description.Name[2..].Replace('-', '_').ToUpperInvariant();
        var declaration = new OptionDeclaration<T>(description, variable, defaultValue, parse, format);
        _declarations.Add(declaration);
        return declaration;
    }
}
