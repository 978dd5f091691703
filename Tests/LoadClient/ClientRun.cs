using System.Text.Json;
using DotNettyFraming.LoadClient;

namespace DotNettyFraming.Tests.LoadClient;

/// <summary>A run of the load client inside the test's process, from its command line to its JSON report.</summary>
internal sealed record ClientRun(int ExitCode, string Output, string Error, JsonElement? Json)
{
    /// <summary>Runs the load client against a port of this machine.</summary>
    public static async Task<ClientRun> AgainstAsync(int port, string arguments, CancellationToken stop = default)
    {
        string file = Path.GetTempFileName();
        try
        {
            ClientRun run = await WithAsync($"--port {port} --event-loops 2 --json {file} {arguments}", stop: stop);
            string json = await File.ReadAllTextAsync(file, CancellationToken.None);
            return run with { Json = json.Length == 0 ? null : JsonDocument.Parse(json).RootElement };
        }
        finally
        {
            File.Delete(file);
        }
    }

    /// <summary>Runs the load client with only these arguments.</summary>
    public static async Task<ClientRun> WithAsync(
        string arguments, IReadOnlyDictionary<string, string>? environment = null, CancellationToken stop = default)
    {
        var output = new StringWriter();
        var error = new StringWriter();
        int exitCode = await LoadCommand.RunAsync(
            arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries),
            environment ?? new Dictionary<string, string>(),
            new StandardStreams(output, error, OutputIsTerminal: false),
            startLogging: null,
            stop).WaitAsync(TimeSpan.FromSeconds(90), CancellationToken.None);
        return new ClientRun(exitCode, output.ToString(), error.ToString(), null);
    }

    /// <summary>Returns a number of the JSON report by its dotted path.</summary>
    public double Number(string path) => Element(path).GetDouble();

    /// <summary>Returns a text of the JSON report by its dotted path.</summary>
    public string? Text(string path) => Element(path).GetString();

    private JsonElement Element(string path)
    {
        JsonElement element = Json ?? throw new AssertionException($"there is no report; standard error: {Error}");
        return path.Split('.').Aggregate(element, (parent, name) => parent.GetProperty(name));
    }
}
