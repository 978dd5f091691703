using Microsoft.Diagnostics.Tracing.Parsers.Clr;

namespace DotNettyFraming.Server.Profiling;

/// <summary>Maps addresses of machine code to methods and lines.</summary>
/// <remarks>
/// TraceEvent's own map has no lines for code compiled before or during a live session, and needs an event per compiled method. This one
/// asks the runtime once, at the end of the recording.
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

    /// <summary>Has the runtime describe its code, and maps these return addresses.</summary>
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

    /// <summary>Returns the place of an address; null if it is in no method.</summary>
    public CodePlace? Find(ulong address) => _places.GetValueOrDefault(address);

    private void Subscribe(ClrRundownTraceEventParser code)
    {
        code.LoaderModuleDCStop += module => _assemblies[module.ModuleID] = module.ModuleILPath;

        // For each piece of code the offsets arrive first, then the method.
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
        ulong end = method.MethodStartAddress + (ulong)method.MethodSize;
        for (int i = first < 0 ? ~first : first; i < _addresses.Length && _addresses[i] <= end; i++)
        {
            compiled ??= new CompiledMethod(method, _offsetsOf == method.MethodID ? _offsets : []);
            _methods[_addresses[i]] = compiled;
        }

        _offsetsOf = 0;
        _offsets.Clear();
    }
}

/// <summary>A place in the code: one frame of a stack.</summary>
/// <param name="Function">The method as written in source: type and name.</param>
/// <param name="FullName">The runtime's name of the method, with its parameters' types.</param>
/// <param name="File">Its source file; empty without symbols.</param>
/// <param name="Line">The line, from 1; 0 if unknown.</param>
internal readonly record struct CodePlace(string Function, string FullName, string File = "", int Line = 0);

/// <summary>One piece of machine code of a method; a method that was optimised has several.</summary>
internal sealed class CompiledMethod
{
    private readonly ulong _start;
    private readonly string _function;
    private readonly string _fullName;
    private readonly long _module;
    private readonly int _token;
    private readonly (int Native, int IL)[] _offsets;

    /// <summary>Creates it from the runtime's description; precompiled code has no offsets.</summary>
    public CompiledMethod(MethodLoadUnloadVerboseTraceData method, IEnumerable<(int Native, int IL)> offsets)
    {
        _start = method.MethodStartAddress;
        _function = MethodName.Readable(method.MethodNamespace, method.MethodName);
        string signature = method.MethodSignature;
        _fullName = $"{method.MethodNamespace}.{method.MethodName}{signature[Math.Max(0, signature.IndexOf('('))..]}";
        _module = method.ModuleID;
        _token = method.MethodToken;

        // Negative offsets stand for prologs and epilogs.
        _offsets = [.. offsets.Where(pair => pair.IL >= 0).OrderBy(pair => pair.Native)];
    }

    /// <summary>Returns the place of a return address; the call is just before it.</summary>
    public CodePlace PlaceOf(ulong address, IReadOnlyDictionary<long, string> assemblies, SourceLines lines)
    {
        int native = (int)(address - 1 - _start);
        int il = _offsets.TakeWhile(pair => pair.Native <= native).Select(pair => pair.IL).LastOrDefault(-1);
        (string file, int line) = lines.Find(assemblies.GetValueOrDefault(_module, ""), _token, il);
        return new CodePlace(_function, _fullName, file, line);
    }
}
