using System.Reflection.PortableExecutable;

namespace DotNettyFraming.Server.Profiling;

/// <summary>The files of loaded assemblies.</summary>
internal static class AssemblyFile
{
    /// <summary>Opens one, to read its metadata.</summary>
    /// <returns>Null where it has no file, as one that was made at run time, or a damaged one: then names are shorter and lines missing.</returns>
    public static PEReader? Open(string path)
    {
        PEReader? file = null;
        try
        {
            file = File.Exists(path) ? new PEReader(File.OpenRead(path)) : null;
            if (file is { HasMetadata: true })
            {
                return file;
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or BadImageFormatException)
        {
            // Damaged, or not for us to read.
        }

        file?.Dispose();
        return null;
    }
}
