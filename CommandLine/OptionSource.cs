namespace DotNettyFraming.CommandLine;

/// <summary>Where an option's value comes from.</summary>
public enum OptionSource
{
    /// <summary>Nobody gave it.</summary>
    Default,

    /// <summary>Its environment variable, which is not empty; the command line does not give it.</summary>
    Environment,

    /// <summary>The command line, which wins.</summary>
    CommandLine,
}
