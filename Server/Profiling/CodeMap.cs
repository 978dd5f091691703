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

/// <summary>A place in the code: one frame of a stack.</summary>
/// <param name="Function">The method, as people read it: type and name.</param>
/// <param name="FullName">The method as the runtime calls it, its parameters' types included.</param>
/// <param name="File">Its source file; empty where no symbols say it.</param>
/// <param name="Line">The line in it, from 1; 0 where it is unknown.</param>
internal readonly record struct CodePlace(string Function, string FullName, string File = "", int Line = 0);

/// <summary>A piece of machine code that the runtime has made of a method; there may be several of one method, better each time.</summary>
internal sealed class CompiledMethod
{
    private readonly ulong _start;
    private readonly string _function;
    private readonly string _fullName;
    private readonly long _module;
    private readonly int _token;
    private readonly (int Native, int IL)[] _offsets;

    /// <param name="method">The runtime's description of it.</param>
    /// <param name="offsets">Which instructions became which; empty where the runtime does not say, as for what came compiled.</param>
    public CompiledMethod(MethodLoadUnloadVerboseTraceData method, IEnumerable<(int Native, int IL)> offsets)
    {
        _start = method.MethodStartAddress;
        _function = MethodName.Readable(method.MethodNamespace, method.MethodName);
        string signature = method.MethodSignature;
        _fullName = $"{method.MethodNamespace}.{method.MethodName}{signature[Math.Max(0, signature.IndexOf('('))..]}";
        _module = method.ModuleID;
        _token = method.MethodToken;

        // Negative ones stand for what a compiler adds around the instructions.
        _offsets = [.. offsets.Where(pair => pair.IL >= 0).OrderBy(pair => pair.Native)];
    }

    /// <summary>The place of an address in it.</summary>
    /// <param name="address">Where a call returns to: the call is just before.</param>
    /// <param name="assemblies">The assemblies' files by the runtime's handle.</param>
    /// <param name="lines">Finds lines.</param>
    public CodePlace PlaceOf(ulong address, IReadOnlyDictionary<long, string> assemblies, SourceLines lines)
    {
        int native = (int)(address - 1 - _start);
        int il = _offsets.TakeWhile(pair => pair.Native <= native).Select(pair => pair.IL).LastOrDefault(-1);
        (string file, int line) = lines.Find(assemblies.GetValueOrDefault(_module, ""), _token, il);
        return new CodePlace(_function, _fullName, file, line);
    }
}
