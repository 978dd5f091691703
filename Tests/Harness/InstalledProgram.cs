namespace DotNettyFraming.Tests.Harness;

/// <summary>A program that a test needs and that may be missing, by the name of its Debian package.</summary>
internal static class InstalledProgram
{
    /// <summary>Where it is. Where it is not installed, the test is ignored, and fails in CI.</summary>
    public static string Find(string program)
    {
        // Debian keeps servers in sbin, which users other than root do not have on their path.
        string[] folders = [.. Environment.GetEnvironmentVariable("PATH")?.Split(Path.PathSeparator) ?? [], "/usr/sbin"];
        string? executable = folders.Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);
        if (executable is null)
        {
            string missing = $"there is no `{program}` on the path (Debian: apt-get install {program})";
            Assert.That(Environment.GetEnvironmentVariable("CI"), Is.Null, missing);
            Assert.Ignore(missing);
        }

        return executable!;
    }
}
