using System.Globalization;

namespace DotNettyFraming.Tests.Harness;

/// <summary>A C program of the tests, compiled by gcc, that prints figures.</summary>
internal sealed class CProgram
{
    private readonly string _file;

    private CProgram(string file) => _file = file;

    /// <summary>Compiles a file of Tests into a directory.</summary>
    public static async Task<CProgram> CompileAsync(string source, string directory)
    {
        string file = Path.Combine(directory, Path.GetFileNameWithoutExtension(source));
        ToolRun compiler = await ToolRun.RunAsync(
            InstalledProgram.Find("gcc"), ["-O2", "-o", file, Path.Combine(Repository.Root, "Tests", source)]);
        Assert.That(compiler.ExitCode, Is.Zero, compiler.Errors);
        return new CProgram(file);
    }

    /// <summary>Runs it to its end, and returns the figures that it printed.</summary>
    public async Task<double[]> RunAsync(params string[] arguments)
    {
        ToolRun run = await ToolRun.RunAsync(_file, arguments);
        Assert.That(run.ExitCode, Is.Zero, run.Errors);
        return [.. run.Output.Split(' ').Select(figure => double.Parse(figure, CultureInfo.InvariantCulture))];
    }
}
