using Microsoft.Diagnostics.Tracing.Parsers.Clr;

namespace DotNettyFraming.Server.Profiling;

/// <summary>The names of the types in the runtime's description of its heap, by handle.</summary>
internal sealed class HeapTypes
{
    private readonly Dictionary<ulong, string> _names = [];
    private readonly Dictionary<ulong, (TypeFlags Flags, ulong[] Parameters)> _shapes = [];

    public void Add(GCBulkTypeTraceData types)
    {
        for (int i = 0; i < types.Count; i++)
        {
            GCBulkTypeValues type = types.Values(i);
            _names[type.TypeID] = type.TypeName;
            _shapes[type.TypeID] = (type.Flags, [.. Enumerable.Range(0, type.TypeParameterCount).Select(p => type.TypeParameterID(p))]);
        }
    }

    public string Name(ulong type)
    {
        string n = _names.GetValueOrDefault(type, "?");
        if (Environment.GetEnvironmentVariable("DBG") != null && _shapes.TryGetValue(type, out var s))
            n += $" <{s.Flags}:{string.Join(",", s.Parameters.Select(p => _names.GetValueOrDefault(p, "??")))}>";
        return n;
    }
}
