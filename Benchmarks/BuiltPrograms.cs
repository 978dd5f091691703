using System.Reflection;

namespace DotNettyFraming.Benchmarks;

/// <summary>Where the programs are that the benchmarks start and do not reference; the build has written it down (Benchmarks.csproj).</summary>
internal static class BuiltPrograms
{
    /// <summary>The root of the checkout.</summary>
    public static string RepositoryRoot => Metadata("RepositoryRoot");

    /// <summary>The server's executable.</summary>
    public static string Server => Metadata("ServerProgram");

    /// <summary>The load client's executable.</summary>
    public static string LoadClient => Metadata("LoadClientProgram");

    private static string Metadata(string key) => typeof(BuiltPrograms).Assembly
        .GetCustomAttributes<AssemblyMetadataAttribute>().Single(attribute => attribute.Key == key).Value!;
}
