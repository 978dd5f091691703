using Microsoft.Diagnostics.Tracing.Parsers.Clr;

namespace DotNettyFraming.Server.Profiling;

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
