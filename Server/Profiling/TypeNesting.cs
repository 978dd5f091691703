using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;

namespace DotNettyFraming.Server.Profiling;

/// <summary>The types that a type is nested in, from the metadata of its assembly's file.</summary>
/// <remarks>For one thread.</remarks>
internal sealed class TypeNesting : IDisposable
{
    private readonly IReadOnlyDictionary<long, string> _assemblies;
    private readonly Dictionary<long, PEReader?> _opened = [];

    private TypeNesting(IReadOnlyDictionary<long, string> assemblies) => _assemblies = assemblies;

    /// <summary>Has the runtime say which assemblies there are.</summary>
    /// <exception cref="NoDiagnosticsException">It says nothing.</exception>
    public static async Task<TypeNesting> ReadAsync()
    {
        var assemblies = new Dictionary<long, string>();
        await RuntimeEvents.DescribeCodeAsync(
            code => code.LoaderModuleDCStop += module => assemblies[module.ModuleID] = module.ModuleILPath).ConfigureAwait(false);
        return new TypeNesting(assemblies);
    }

    /// <summary>What to put in front of a type's own name.</summary>
    /// <param name="module">The runtime's handle of its module.</param>
    /// <param name="token">Its metadata token.</param>
    /// <returns><c>Namespace.Outer+</c>; empty where it is not nested, or nothing is known of it.</returns>
    public string Around(long module, int token)
    {
        if (Open(module)?.GetMetadataReader() is not { } metadata
            || MetadataTokens.EntityHandle(token) is not { Kind: HandleKind.TypeDefinition, IsNil: false } type
            || MetadataTokens.GetRowNumber(type) > metadata.TypeDefinitions.Count)
        {
            return "";
        }

        TypeDefinitionHandle outer = metadata.GetTypeDefinition((TypeDefinitionHandle)type).GetDeclaringType();
        return outer.IsNil ? "" : $"{Around(module, MetadataTokens.GetToken(outer))}{Name(metadata, outer)}+";
    }

    public void Dispose()
    {
        foreach (PEReader? file in _opened.Values)
        {
            file?.Dispose();
        }
    }

    private static string Name(MetadataReader metadata, TypeDefinitionHandle handle)
    {
        TypeDefinition type = metadata.GetTypeDefinition(handle);
        string name = metadata.GetString(type.Name);
        return type.Namespace.IsNil ? name : $"{metadata.GetString(type.Namespace)}.{name}";
    }

    private PEReader? Open(long module)
    {
        if (!_opened.TryGetValue(module, out PEReader? file))
        {
            file = AssemblyFile.Open(_assemblies.GetValueOrDefault(module, ""));
            _opened.Add(module, file);
        }

        return file;
    }
}
