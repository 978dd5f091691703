using System.Reflection;

namespace DotNettyFraming.Tests.Harness;

/// <summary>Paths in the repository that the tests were built from.</summary>
internal static class Repository
{
    /// <summary>The root folder.</summary>
    public static string Root { get; } = Metadata("RepositoryRoot");

    /// <summary>The folder of Playwright's package, which contains its driver.</summary>
    public static string PlaywrightPackage { get; } = Metadata("PlaywrightPackage");

    /// <summary>Returns the executable of <c>Server</c> or <c>LoadClient</c>, in the tests' build configuration.</summary>
    public static string Program(string project) => Path.Combine(Root, project, Metadata("ProgramOutput"), $"DotNettyFraming.{project}");

    private static string Metadata(string key) => typeof(Repository).Assembly
        .GetCustomAttributes<AssemblyMetadataAttribute>().Single(attribute => attribute.Key == key).Value!;
}
