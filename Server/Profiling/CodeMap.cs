using Microsoft.Diagnostics.Tracing.Parsers.Clr;

namespace DotNettyFraming.Server.Profiling;

/// <summary>Which places in the code certain addresses of machine code belong to.</summary>
/// <remarks>
/// TraceEvent's own map has no lines for code that was compiled before or during a live session, and would want to hear of each method
/// that is compiled as long as the recording lasts. This one asks once, at its end.
/// </remarks>
internal sealed class CodeMap
{
    private readonly ulong[] _addresses;
    private readonly Dictionary<ulong, CompiledMethod> _methods = [];
    private readonly Dictionary<long, string> _assemblies = [];
    private readonly Dictionary<ulong, CodePlace?> _places = [];
    private readonly List<(int Native, int IL)> _offsets = [];
    private long _offsetsOf;

    private CodeMap(IEnumerable<ulong> addresses) => _addresses = [.. addresses.Order()];

    /// <summary>Has the runtime describe its code, and keeps what concerns these addresses.</summary>
    /// <param name="addresses">Addresses that calls return to.</param>
    public static async Task<CodeMap> ReadAsync(IEnumerable<ulong> addresses)
    {
        var map = new CodeMap(addresses);
        await RuntimeEvents.DescribeCodeAsync(map.Subscribe).ConfigureAwait(false);
        using var lines = new SourceLines();
        foreach ((ulong address, CompiledMethod method) in map._methods)
        {
            map._places.Add(address, method.PlaceOf(address, map._assemblies, lines));
        }

        return map;
    }

    /// <summary>The place of an address; null where no method has it.</summary>
    public CodePlace? Find(ulong address) => _places.GetValueOrDefault(address);

    private void Subscribe(ClrRundownTraceEventParser code)
    {
        code.LoaderModuleDCStop += module => _assemblies[module.ModuleID] = module.ModuleILPath;

        // Of each piece of code the offsets come first, and then what it is.
        code.MethodILToNativeMapDCStop += Keep;
        code.MethodDCStopVerbose += Keep;
    }

    private void Keep(MethodILToNativeMapTraceData offsets)
    {
        _offsetsOf = offsets.MethodID;
        _offsets.Clear();
        for (int i = 0; i < offsets.CountOfMapEntries; i++)
        {
            _offsets.Add((offsets.NativeOffset(i), offsets.ILOffset(i)));
        }
    }

    private void Keep(MethodLoadUnloadVerboseTraceData method)
    {
        CompiledMethod? compiled = null;
        int first = Array.BinarySearch(_addresses, method.MethodStartAddress + 1);
        for (int i = first < 0 ? ~first : first; i < _addresses.Length && _addresses[i] <= method.MethodStartAddress + (ulong)method.MethodSize; i++)
        {
            compiled ??= new CompiledMethod(method, _offsetsOf == method.MethodID ? _offsets : []);
            _methods[_addresses[i]] = compiled;
        }

        _offsetsOf = 0;
        _offsets.Clear();
    }
}
