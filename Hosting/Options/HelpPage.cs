using System.Text;

namespace DotNettyFraming.Hosting.Options;

/// <summary>The text of <c>--help</c>, the same on every terminal, so that it can be compared and quoted.</summary>
internal static class HelpPage
{
    private const int Width = 100;

    public static string Render(OptionSet set)
    {
        var page = new StringBuilder();
        AppendWrapped(page, "", set.Description);
        page.AppendLine().AppendLine($"Usage: {set.ProgramName} [options]").AppendLine().AppendLine("Options:");
        foreach (OptionDeclaration option in set.Declarations)
        {
            page.AppendLine($"  {option.Name} {option.Kind.Placeholder}".TrimEnd());
            AppendWrapped(page, "      ", option.Description);
            string range = option.Kind.Range is null ? "" : $" Range: {option.Kind.Range}.";
            AppendWrapped(page, "      ", $"Default: {option.DefaultText}.{range} Environment: {option.EnvironmentVariable}.");
        }

        page.AppendLine("  -h, --help").AppendLine("      Prints this and exits.");
        page.AppendLine("  --version").AppendLine("      Prints the version and exits.").AppendLine();
        AppendWrapped(page, "", """
            A DURATION is an integer and us, ms, s, m, h or d (only 0 may be bare). BYTES are an integer, or one with KiB, MiB or GiB.
            A value that starts with the name of an option is written --name=value. The command line wins over the environment.
            An empty variable is unset. Exit codes: 0 done, 1 could not run, 2 faulty options.
            """);
        return page.ToString().TrimEnd();
    }

    private static void AppendWrapped(StringBuilder page, string indent, string text)
    {
        int column = 0;
        foreach (string word in text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
        {
            if (column > 0 && column + 1 + word.Length > Width)
            {
                page.AppendLine();
                column = 0;
            }

            string gap = column == 0 ? indent : " ";
            page.Append(gap).Append(word);
            column += gap.Length + word.Length;
        }

        page.AppendLine();
    }
}
