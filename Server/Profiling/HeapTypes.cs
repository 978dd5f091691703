using Microsoft.Diagnostics.Tracing.Parsers.Clr;

namespace DotNettyFraming.Server.Profiling;

/// <summary>The names of the types in the runtime's description of its heap, by the runtime's handle.</summary>
/// <remarks>The runtime names a nested type without those around it: <c>Entry</c>, of which there are dozens. They are put in front.</remarks>
internal sealed class HeapTypes
{
    private readonly Dictionary<ulong, Described> _types = [];

    /// <summary>Takes in what the runtime says of some types.</summary>
    public void Add(GCBulkTypeTraceData types)
    {
        for (int i = 0; i < types.Count; i++)
        {
            GCBulkTypeValues type = types.Values(i);
            ulong element = (type.Flags & TypeFlags.Array) != 0 && type.TypeParameterCount == 1 ? type.TypeParameterID(0) : 0;
            _types[type.TypeID] = new Described(type.TypeName, (long)type.ModuleID, type.TypeNameID, element);
        }
    }

    /// <summary>A type's name.</summary>
    /// <param name="id">The runtime's handle of it.</param>
    /// <param name="nesting">Knows the types around it.</param>
    public string Name(ulong id, TypeNesting nesting) => !_types.TryGetValue(id, out Described? type) ? "[unknown]"
        : type.Element == 0 ? nesting.Around(type.Module, type.Token) + type.Name
        // An array: of its own name only the brackets at the end are needed.
        : Name(type.Element, nesting) + type.Name[type.Name.LastIndexOf('[')..];

    private sealed record Described(string Name, long Module, int Token, ulong Element);
}
