using Microsoft.Diagnostics.Tracing.Etlx;

namespace DotNettyFraming.Server.Profiling;

/// <summary>Turns recorded stacks into places in the code.</summary>
internal sealed class StackReader(TraceLog log) : IDisposable
{
    /// <summary>Who makes the recording: whatever is allocated below these is its own doing.</summary>
    private static readonly string[] Recorders = ["Microsoft.Diagnostics.", $"{typeof(StackReader).Namespace}."];

    private static readonly CodePlace Unknown = new("[unknown]", "[unknown code]");

    private readonly Dictionary<CodeAddressIndex, CodePlace> _places = [];
    private readonly SourceLines _lines = new();

    public void Dispose() => _lines.Dispose();

    /// <summary>Reads a stack.</summary>
    /// <returns>Its places, the innermost first; null where the recording itself was at work.</returns>
    public IReadOnlyList<CodePlace>? Read(CallStackIndex stack)
    {
        var places = new List<CodePlace>();
        for (; stack != CallStackIndex.Invalid; stack = log.CallStacks.Caller(stack))
        {
            CodePlace place = Place(log.CallStacks.CodeAddressIndex(stack));
            if (Recorders.Any(recorder => place.FullName.StartsWith(recorder, StringComparison.Ordinal)))
            {
                return null;
            }

            places.Add(place);
        }

        return places.Count > 0 ? places : [Unknown];
    }

    private CodePlace Place(CodeAddressIndex address)
    {
        if (!_places.TryGetValue(address, out CodePlace place))
        {
            place = NewPlace(address);
            _places.Add(address, place);
        }

        return place;
    }

    private CodePlace NewPlace(CodeAddressIndex address)
    {
        MethodIndex method = log.CodeAddresses.MethodIndex(address);
        if (method == MethodIndex.Invalid)
        {
            return Unknown;
        }

        string name = log.CodeAddresses.Methods.FullMethodName(method);
        string module = log.CodeAddresses.ModuleFile(address)?.FilePath ?? "";
        (string file, int line) = _lines.Find(module, log.CodeAddresses.Methods.MethodToken(method), log.CodeAddresses.ILOffset(address));
        return new CodePlace(MethodName.Readable(name), name, file, line);
    }
}
