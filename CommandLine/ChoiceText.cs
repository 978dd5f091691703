using System.Text;

namespace DotNettyFraming.CommandLine;

/// <summary>A choice as users write it: the enum's member in lower case with dashes, so <c>BadPrefix</c> is <c>bad-prefix</c>.</summary>
internal static class ChoiceText<T>
    where T : struct, Enum
{
    private static readonly (string Name, T Value)[] Choices = [.. Enum.GetValues<T>().Select(value => (Format(value), value))];

    public static string All { get; } = string.Join('|', Choices.Select(choice => choice.Name));

    public static Parsed<T> Parse(string text)
    {
        foreach ((string name, T value) in Choices)
        {
            if (name == text)
            {
                return Parsed.Of(value);
            }
        }

        return Parsed.Fault<T>($"is none of {string.Join(", ", Choices.Select(choice => choice.Name))}");
    }

    public static string Format(T value)
    {
        string member = value.ToString();
        var name = new StringBuilder(member.Length + 4);
        foreach (char c in member)
        {
            if (char.IsAsciiLetterUpper(c) && name.Length > 0)
            {
                name.Append('-');
            }

            name.Append(char.ToLowerInvariant(c));
        }

        return name.ToString();
    }
}
