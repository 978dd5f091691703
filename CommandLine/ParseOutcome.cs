namespace DotNettyFraming.CommandLine;

/// <summary>What came of parsing: the values, and everything that is wrong with them, all at once.</summary>
/// <remarks>
/// A program reads its values, adds the conflicts that it finds among them (<see cref="Reject"/>), and then asks
/// <see cref="Conclude"/> whether to go on. Not for several threads.
/// </remarks>
public sealed class ParseOutcome
{
    private readonly OptionSet _set;
    private readonly IReadOnlyDictionary<OptionDeclaration, GivenOption> _given;
    private readonly List<string> _errors;

    internal ParseOutcome(
        OptionSet set, IReadOnlyDictionary<OptionDeclaration, GivenOption> given, List<string> errors, IReadOnlyList<string> warnings)
    {
        _set = set;
        _given = given;
        _errors = errors;
        Warnings = warnings;
    }

    /// <summary>Whether help was asked for; then nothing else counts, faults included.</summary>
    public bool HelpRequested { get; internal init; }

    /// <summary>Whether the version was asked for.</summary>
    public bool VersionRequested { get; internal init; }

    /// <summary>All faults, one line each: the option, the variable it came from if it did, and what is wrong.</summary>
    public IReadOnlyList<string> Errors => _errors;

    /// <summary>What is odd but harmless, one line each: environment variables with the program's prefix that it does not know.</summary>
    public IReadOnlyList<string> Warnings { get; }

    /// <summary>An option's value.</summary>
    /// <typeparam name="T">Its type.</typeparam>
    /// <param name="option">An option of the set that was parsed.</param>
    /// <returns>What was given; its default where nothing was, or something faulty, so that the rest can be checked too.</returns>
    public T Value<T>(OptionDeclaration<T> option)
    {
        ArgumentNullException.ThrowIfNull(option);
        return option.ValueOf(Find(option));
    }

    /// <summary>Whether anybody gave an option, rightly or wrongly.</summary>
    /// <param name="option">An option of the set that was parsed.</param>
    /// <returns>False where its default holds.</returns>
    public bool IsGiven(OptionDeclaration option) => Find(option) is not null;

    /// <summary>Where an option's value comes from.</summary>
    /// <param name="option">An option of the set that was parsed.</param>
    /// <returns>Its source.</returns>
    public OptionSource SourceOf(OptionDeclaration option) => Find(option)?.Source ?? OptionSource.Default;

    /// <summary>An option's value in one way of writing it, whichever way it was given: to show what a program runs with.</summary>
    /// <param name="option">An option of the set that was parsed.</param>
    /// <returns>The text of <see cref="Value"/>, control characters escaped; the default in words where it is no value at all.</returns>
    public string TextOf(OptionDeclaration option)
    {
        ArgumentNullException.ThrowIfNull(option);
        return ControlCharacters.Escape(option.Format(Find(option)));
    }

    /// <summary>Adds a fault that only the program can see: options in conflict, a file that does not fit.</summary>
    /// <param name="option">The option that is to blame.</param>
    /// <param name="reason">What is wrong, in one line: <c>needs --tls-certificate</c>.</param>
    public void Reject(OptionDeclaration option, string reason)
    {
        ArgumentNullException.ThrowIfNull(option);
        _errors.Add(Fault.Line(Fault.Origin(option, SourceOf(option)), reason));
    }

    /// <summary>Ends the program where there is nothing to run: prints help, version or all faults.</summary>
    /// <param name="output">Standard output, for what was asked.</param>
    /// <param name="error">Standard error, for faults; warnings go with them, as they may explain one.</param>
    /// <returns>The exit code; null where the program is to go on.</returns>
    public int? Conclude(TextWriter output, TextWriter error)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(error);
        if (HelpRequested || VersionRequested)
        {
            output.WriteLine(HelpRequested ? _set.HelpText : _set.VersionText);
            return ExitCode.Success;
        }

        if (Errors.Count == 0)
        {
            return null;
        }

        foreach (string line in Errors.Concat(Warnings.Select(warning => $"warning: {warning}")))
        {
            error.WriteLine(line);
        }

        return ExitCode.Usage;
    }

    private GivenOption? Find(OptionDeclaration option)
    {
        ArgumentNullException.ThrowIfNull(option);
        return _set.Declarations.Contains(option)
            ? _given.GetValueOrDefault(option)
            : throw new ArgumentException($"{option.Name} is not of the set that was parsed.", nameof(option));
    }
}
