using System.Reflection;

namespace DotNettyFraming.Tests.Harness;

/// <summary>The checkout that the tests were built from.</summary>
internal static class Repository
{
    /// <summary>Its root folder.</summary>
    public static string Root { get; } = Metadata("RepositoryRoot");

    /// <summary>The folder of Playwright's package, in which its driver lies.</summary>
    public static string PlaywrightPackage { get; } = Metadata("PlaywrightPackage");

    /// <summary>The executable of <c>Server</c> or <c>LoadClient</c>, built as the tests are.</summary>
    public static string Program(string project) => Path.Combine(Root, project, Metadata("ProgramOutput"), $"DotNettyFraming.{project}");

    private static string Metadata(string key) => typeof(Repository).Assembly
        .GetCustomAttributes<AssemblyMetadataAttribute>().Single(attribute => attribute.Key == key).Value!;
}
