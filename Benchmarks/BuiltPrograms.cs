using System.Reflection;

namespace DotNettyFraming.Benchmarks;

/// <summary>Paths of the programs that the benchmarks start; Benchmarks.csproj writes them into the assembly.</summary>
internal static class BuiltPrograms
{
    /// <summary>The repository's root.</summary>
    public static string RepositoryRoot => Metadata("RepositoryRoot");

    /// <summary>The server's executable.</summary>
    public static string Server => Metadata("ServerProgram");

    /// <summary>The load client's executable.</summary>
    public static string LoadClient => Metadata("LoadClientProgram");

    private static string Metadata(string key) => typeof(BuiltPrograms).Assembly
        .GetCustomAttributes<AssemblyMetadataAttribute>().Single(attribute => attribute.Key == key).Value!;
}
