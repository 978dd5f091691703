using System.Text.Json;

namespace DotNettyFraming.Benchmarks.Load;

/// <summary>The mode <c>load</c>: executes one <see cref="LoadOrder"/> per line until its input ends.</summary>
/// <remarks>One process for the whole comparison: it is warm after the first orders, and its CPU time is not the server's.</remarks>
internal static class LoadProgram
{
    /// <summary>The mode's name.</summary>
    public const string Mode = "load";

    /// <summary>Reads orders, writes readings, and returns the exit code.</summary>
    public static int Run(TextReader orders, TextWriter readings)
    {
        while (orders.ReadLine() is { } line)
        {
            LoadReading reading = JsonSerializer.Deserialize<LoadOrder>(line) is { } order
                ? LoadGenerator.Execute(order)
                : new FailedReading("no order");
            readings.WriteLine(JsonSerializer.Serialize(reading));
            readings.Flush();
        }

        return 0;
    }
}
