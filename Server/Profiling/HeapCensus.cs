using System.Diagnostics.Tracing;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;
using Microsoft.Diagnostics.NETCore.Client;
using Microsoft.Diagnostics.Tracing;
using Microsoft.Diagnostics.Tracing.Parsers;
using Microsoft.Diagnostics.Tracing.Parsers.Clr;

namespace DotNettyFraming.Server.Profiling;

/// <summary>Counts live objects by type, from the runtime's description of its heap.</summary>
internal sealed class HeapCensus
{
    private readonly Dictionary<ulong, (long Objects, long Bytes)> _counts = [];
    private readonly HeapTypes _types = new();
    private readonly TaskCompletionSource _collected = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _collection = -1;

    /// <summary>Whether every object was counted: the end of the collection was seen, and no event was lost.</summary>
    public bool IsWhole { get; private set; }

    /// <summary>Events lost because the buffer was full.</summary>
    public int Lost { get; private set; }

    /// <summary>Has the runtime collect and describe its heap, and counts.</summary>
    public static async Task<HeapCensus> TakeAsync(int bufferMiB, TimeSpan patience, CancellationToken cancellationToken)
    {
        var census = new HeapCensus();
        using EventPipeSession session = await RuntimeEvents.StartAsync(
            EventLevel.Informational, (long)ClrTraceEventParser.Keywords.GCHeapSnapshot, bufferMiB, cancellationToken)
            .ConfigureAwait(false);
        Task<int> reading = Task.Factory.StartNew(
            () => census.Read(session), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        bool isCollected;
        try
        {
            isCollected = await census.IsCollectedAsync(patience, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            await RuntimeEvents.StopAsync(session).ConfigureAwait(false);
        }

        census.Lost = await reading.ConfigureAwait(false);
        census.IsWhole = isCollected && census.Lost == 0;
        return census;
    }

    /// <summary>Returns each type's name, its objects, and their bytes.</summary>
    public IEnumerable<(string Type, long Objects, long Bytes)> ByType(TypeNesting nesting) =>
        _counts.Select(count => (_types.Name(count.Key, nesting), count.Value.Objects, count.Value.Bytes));

    private async Task<bool> IsCollectedAsync(TimeSpan patience, CancellationToken cancellationToken)
    {
        try
        {
            await _collected.Task.WaitAsync(patience, cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    /// <summary>Reads to the end of the session, and returns the number of lost events.</summary>
    private int Read(EventPipeSession session)
    {
        using var source = new EventPipeEventSource(session.EventStream);
        source.Clr.GCStart += start =>
        {
            // Other collections may happen meanwhile; the requested one is induced, full and blocking.
            if (_collection < 0 && start.Reason == GCReason.Induced && start.Type == GCType.NonConcurrentGC && start.Depth == 2)
            {
                _collection = start.Count;
            }
        };
        source.Clr.GCStop += stop =>
        {
            if (stop.Count == _collection)
            {
                _collected.TrySetResult();
            }
        };
        source.Clr.TypeBulkType += _types.Add;
        source.Clr.GCBulkNode += Count;
        source.Process();
        return source.EventsLost;
    }

    private void Count(GCBulkNodeTraceData nodes)
    {
        for (int i = 0; i < nodes.Count; i++)
        {
            GCBulkNodeValues node = nodes.Values(i);
            (long objects, long bytes) = _counts.GetValueOrDefault(node.TypeID);
            _counts[node.TypeID] = (objects + 1, bytes + (long)node.Size);
        }
    }
}

/// <summary>The names of the types in the runtime's description of its heap, by the runtime's handle.</summary>
/// <remarks>The runtime's name of a nested type, such as <c>Entry</c>, lacks the enclosing types; they are prepended.</remarks>
internal sealed class HeapTypes
{
    private readonly Dictionary<ulong, Described> _types = [];

    /// <summary>Adds described types.</summary>
    public void Add(GCBulkTypeTraceData types)
    {
        for (int i = 0; i < types.Count; i++)
        {
            GCBulkTypeValues type = types.Values(i);
            ulong element = (type.Flags & TypeFlags.Array) != 0 && type.TypeParameterCount == 1 ? type.TypeParameterID(0) : 0;
            _types[type.TypeID] = new Described(type.TypeName, (long)type.ModuleID, type.TypeNameID, element);
        }
    }

    /// <summary>Returns a type's name by the runtime's handle.</summary>
    public string Name(ulong id, TypeNesting nesting) => !_types.TryGetValue(id, out Described? type) ? "[unknown]"
        : type.Element == 0 ? nesting.Around(type.Module, type.Token) + type.Name
        // An array: its element's name, and the brackets of its own.
        : Name(type.Element, nesting) + type.Name[type.Name.LastIndexOf('[')..];

    private sealed record Described(string Name, long Module, int Token, ulong Element);
}

/// <summary>The types that enclose a type, from the metadata of its assembly's file. One thread.</summary>
internal sealed class TypeNesting : IDisposable
{
    private readonly IReadOnlyDictionary<long, string> _assemblies;
    private readonly Dictionary<long, PEReader?> _opened = [];

    private TypeNesting(IReadOnlyDictionary<long, string> assemblies) => _assemblies = assemblies;

    /// <summary>Reads the list of loaded assemblies.</summary>
    /// <exception cref="NoDiagnosticsException">The runtime provides no events.</exception>
    public static async Task<TypeNesting> ReadAsync()
    {
        var assemblies = new Dictionary<long, string>();
        await RuntimeEvents.DescribeCodeAsync(
            code => code.LoaderModuleDCStop += module => assemblies[module.ModuleID] = module.ModuleILPath).ConfigureAwait(false);
        return new TypeNesting(assemblies);
    }

    /// <summary>Returns the prefix of a type's name, <c>Namespace.Outer+</c>; empty if it is not nested, or unknown.</summary>
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
