namespace DotNettyFraming.CommandLine;

/// <summary>An option that a user gave: where, as what text, and what it was read as (the default, where it is faulty).</summary>
internal sealed record GivenOption(OptionSource Source, string Text, object? Value, bool IsFaulty);
