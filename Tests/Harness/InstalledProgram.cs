namespace DotNettyFraming.Tests.Harness;

/// <summary>Programs that tests need and that may be missing.</summary>
internal static class InstalledProgram
{
    /// <summary>Where it is. Where it is not installed, the test is ignored, and fails in CI.</summary>
    /// <param name="program">Its executable.</param>
    /// <param name="package">Its Debian package, where that has another name.</param>
    public static string Find(string program, string? package = null)
    {
        // Debian keeps servers in sbin, which users other than root do not have on their path.
        string[] folders = [.. Environment.GetEnvironmentVariable("PATH")?.Split(Path.PathSeparator) ?? [], "/usr/sbin"];
        string? executable = folders.Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);
        if (executable is null)
        {
            string missing = $"there is no `{program}` on the path (Debian: apt-get install {package ?? program})";
            Assert.That(Environment.GetEnvironmentVariable("CI"), Is.Null, missing);
            Assert.Ignore(missing);
        }

        return executable!;
    }
}
