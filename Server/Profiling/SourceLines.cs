using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;

namespace DotNettyFraming.Server.Profiling;

/// <summary>Finds source files and lines in the portable PDBs beside the assemblies, or inside them; no network, no symbol server.</summary>
/// <remarks>For one thread.</remarks>
internal sealed class SourceLines : IDisposable
{
    private readonly Dictionary<string, MetadataReaderProvider?> _symbols = [];

    /// <summary>Finds the line of an instruction.</summary>
    /// <param name="assembly">The assembly's file.</param>
    /// <param name="methodToken">The method's metadata token.</param>
    /// <param name="ilOffset">The instruction's offset in it; negative where it is unknown: then there is no line.</param>
    /// <returns>The file and the line from 1; empty and 0 where no symbols say it.</returns>
    public (string File, int Line) Find(string assembly, int methodToken, int ilOffset)
    {
        if (ilOffset < 0 || assembly.Length == 0 || Symbols(assembly)?.GetMetadataReader() is not { } reader
            || MetadataTokens.EntityHandle(methodToken) is not { Kind: HandleKind.MethodDefinition } handle)
        {
            return ("", 0);
        }

        MethodDebugInformationHandle method = ((MethodDefinitionHandle)handle).ToDebugInformationHandle();
        SequencePoint? found = reader.GetMethodDebugInformation(method).GetSequencePoints()
            .Where(point => point.Offset <= ilOffset && !point.IsHidden)
            .Select(point => (SequencePoint?)point)
            .LastOrDefault();
        return found is { } at ? (reader.GetString(reader.GetDocument(at.Document).Name), at.StartLine) : ("", 0);
    }

    public void Dispose()
    {
        foreach (MetadataReaderProvider? symbols in _symbols.Values)
        {
            symbols?.Dispose();
        }
    }

    private MetadataReaderProvider? Symbols(string assembly)
    {
        if (!_symbols.TryGetValue(assembly, out MetadataReaderProvider? symbols))
        {
            symbols = Open(assembly);
            _symbols.Add(assembly, symbols);
        }

        return symbols;
    }

    private static MetadataReaderProvider? Open(string assembly)
    {
        using PEReader? file = AssemblyFile.Open(assembly);
        try
        {
            MetadataReaderProvider? symbols = null;
            file?.TryOpenAssociatedPortablePdb(assembly, path => File.Exists(path) ? File.OpenRead(path) : null, out symbols, out _);
            return symbols;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or BadImageFormatException)
        {
            // Symbols that cannot be read are as good as none.
            return null;
        }
    }
}

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
