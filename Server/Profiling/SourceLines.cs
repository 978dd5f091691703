using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;

namespace DotNettyFraming.Server.Profiling;

/// <summary>Finds source files and lines in portable PDBs next to the assemblies or inside them; no symbol server. One thread.</summary>
internal sealed class SourceLines : IDisposable
{
    private readonly Dictionary<string, MetadataReaderProvider?> _symbols = [];

    /// <summary>Returns the file and line of an instruction; empty and 0 without symbols, or if its offset is negative.</summary>
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
            return null; // as without symbols
        }
    }
}

/// <summary>The files of loaded assemblies.</summary>
internal static class AssemblyFile
{
    /// <summary>Opens an assembly's file to read its metadata; null if it is damaged or missing.</summary>
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
            // Then names are shorter, and lines are missing.
        }

        file?.Dispose();
        return null;
    }
}
