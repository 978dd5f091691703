using System.Text.Json;

namespace DotNettyFraming.Benchmarks.Load;

/// <summary>The mode <c>load</c>: carries out one <see cref="LoadOrder"/> a line until its input ends.</summary>
/// <remarks>
/// A process of its own, so that its CPU time is not the server's; and one for the whole comparison, so that it is compiled and
/// warm when it counts.
/// </remarks>
internal static class LoadProgram
{
    /// <summary>The mode's name.</summary>
    public const string Mode = "load";

    /// <summary>Reads orders and writes readings.</summary>
    /// <returns>The exit code.</returns>
    public static int Run(TextReader orders, TextWriter readings)
    {
        while (orders.ReadLine() is { } line)
        {
            LoadReading reading = JsonSerializer.Deserialize<LoadOrder>(line) is { } order
                ? LoadGenerator.Carry(order)
                : new FailedReading("no order");
            readings.WriteLine(JsonSerializer.Serialize(reading));
            readings.Flush();
        }

        return 0;
    }
}
