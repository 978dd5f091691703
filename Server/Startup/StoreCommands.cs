using System.Globalization;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.Server.Storage;

namespace DotNettyFraming.Server.Startup;

/// <summary>The commands next to the server: <c>export</c> and <c>verify</c>.</summary>
internal static class StoreCommands
{
    private static readonly OptionKind<DateTimeOffset> Time = new(
        "TIME",
        ParseTime,
        time => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture));

    /// <summary>Returns the command of a name; null if there is none.</summary>
    public static Func<IReadOnlyList<string>, CancellationToken, Task<int>>? Find(string name) => name switch
    {
        "export" => ExportAsync,
        "verify" => VerifyAsync,
        _ => null,
    };

    /// <summary>Declares the options of <c>export</c>.</summary>
    public static OptionSet<ExportOptions> DeclareExport()
    {
        var none = new ExportOptions();
        OptionSet<ExportOptions> set = Declare("export", "Writes stored packets to standard output, oldest first.", none);
        set.Add(
            "--since", Time, none.Since, (o, v) => o with { Since = v },
            "Packets received at this time or later: ISO 8601, UTC without an offset, or Unix seconds.", "the first packet");
        set.Add("--until", Time, none.Until, (o, v) => o with { Until = v }, "Packets received before this time.", "the last packet");
        set.Add(
            "--peer", OptionKind.Text("ADDRESS"), none.Peer!, (o, v) => o with { Peer = v },
            "Packets of this address, or of this address and port.", "all");
        set.Add(
            "--connection", OptionKind.Integer(0, long.MaxValue), -1L, (o, v) => o with { Connection = v },
            "Packets of this connection.", "all");
        set.Add(
            "--format", OptionKind.Choice<ExportFormat>(), none.Format, (o, v) => o with { Format = v },
            "jsonl: a line of JSON per packet; csv: the same fields; raw: the packets' bytes, verbatim.");
        set.Add(
            "--text", OptionKind.Flag, none.Text, (o, v) => o with { Text = v }, "Write payloads as text instead of base64.");
        set.Add(
            "--limit", OptionKind.Integer(0, long.MaxValue), none.Limit, (o, v) => o with { Limit = v },
            "Write at most this number of packets; 0 = no limit.");
        set.Add(
            "--follow", OptionKind.Flag, none.Follow, (o, v) => o with { Follow = v }, "Wait for more packets at the end, like tail -f.");
        return set;
    }

    private static OptionSet<ExportOptions> Declare(string command, string description, ExportOptions none)
    {
        var set = new OptionSet<ExportOptions>($"DotNettyFraming.Server {command}", description, EnvironmentPrefix.Server, none);
        set.Add(
            "--store", OptionKind.Path("DIR"), none.Directory, (o, v) => o with { Directory = v },
            "The directory of the store, in use or a copy.", "none");
        return set;
    }

    private static async Task<int> ExportAsync(IReadOnlyList<string> arguments, CancellationToken stop)
    {
        if (Parse(DeclareExport(), arguments, out ExportOptions options) is int exitCode)
        {
            return exitCode;
        }

        await using Stream output = Console.OpenStandardOutput();
        using var command = new ExportCommand(options, output, Console.Error);
        return await command.RunAsync(stop).ConfigureAwait(false);
    }

    private static Task<int> VerifyAsync(IReadOnlyList<string> arguments, CancellationToken stop)
    {
        OptionSet<ExportOptions> set = Declare("verify", "Verifies a store: segments, counts, order and gaps.", new ExportOptions());
        return Task.FromResult(
            Parse(set, arguments, out ExportOptions options) ?? new VerifyCommand(options.Directory, Console.Out).Run(stop));
    }

    private static int? Parse(OptionSet<ExportOptions> set, IReadOnlyList<string> arguments, out ExportOptions options)
    {
        // Variables of the server are no unknown ones here.
        Dictionary<string, string> environment = set.Declarations
            .Select(option => (Name: option.EnvironmentVariable, Value: Environment.GetEnvironmentVariable(option.EnvironmentVariable)))
            .Where(variable => variable.Value is not null)
            .ToDictionary(variable => variable.Name, variable => variable.Value!);
        ParsedOptions<ExportOptions> parsed = set.Parse(arguments, environment);
        if (!parsed.IsGiven("--store"))
        {
            parsed.Reject("--store", "is required");
        }

        options = parsed.Options;
        return parsed.Conclude(Console.Out, Console.Error);
    }

    private static Parsed<DateTimeOffset> ParseTime(string text)
    {
        const DateTimeStyles Utc = DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal;
        return long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long seconds) && seconds < 253_402_300_800
                ? Parsed.Of(DateTimeOffset.FromUnixTimeSeconds(seconds))
            : DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, Utc, out DateTimeOffset time)
                ? Parsed.Of(time)
                : Parsed.Fault<DateTimeOffset>("is no time (2026-11-28T20:30:00Z, or Unix seconds)");
    }
}
