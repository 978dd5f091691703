namespace DotNettyFraming.Tests.Harness;

/// <summary>Programs that tests need and a machine may not have.</summary>
internal static class InstalledProgram
{
    /// <summary>Returns the program's path. Skips the test where it is missing; in CI fails it.</summary>
    /// <param name="program">The executable's name.</param>
    /// <param name="package">The Debian package, if it has another name.</param>
    public static string Find(string program, string? package = null)
    {
        // Debian keeps servers in sbin, which is only on root's path.
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
