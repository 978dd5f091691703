using System.Text;
using System.Text.RegularExpressions;

namespace DotNettyFraming.Server.Profiling;

/// <summary>Writes types' names as in source.</summary>
internal static partial class TypeName
{
    /// <summary>The runtime's name for any class in shared generic code.</summary>
    private const string AnyClass = "System.__Canon";

    /// <summary>Writes <c>List`1[System.Byte[]]</c> as <c>List&lt;System.Byte[]&gt;</c>.</summary>
    public static string Readable(string name)
    {
        var readable = new StringBuilder(Arity().Replace(name, "").Replace(AnyClass, "__Canon", StringComparison.Ordinal));
        var open = new Stack<int>();
        for (int i = 0; i < readable.Length; i++)
        {
            if (readable[i] == '[')
            {
                open.Push(i);
            }
            else if (readable[i] == ']' && open.TryPop(out int start) && readable[i - 1] is not ('[' or ','))
            {
                (readable[start], readable[i]) = ('<', '>');
            }
        }

        return readable.ToString();
    }

    [GeneratedRegex("`[0-9]+")]
    private static partial Regex Arity();
}

/// <summary>Writes methods' names as in source, without the compiler's additions.</summary>
internal static partial class MethodName
{
    /// <summary>Returns the name of a method of a type, both named by the runtime.</summary>
    public static string Readable(string type, string method)
    {
        // An async method or an iterator is compiled to a type of its own: Type+<Name>d__7.MoveNext.
        Match rest = StateMachine().Match(type);
        return rest.Success && method == "MoveNext"
            ? $"{TypeName.Readable(rest.Groups["type"].Value)}.{rest.Groups["name"].Value}"
            : $"{TypeName.Readable(type)}.{method.TrimStart('.')}"; // .ctor: pprof splits names at dots
    }

    [GeneratedRegex(@"^(?<type>.+)\+<(?<name>[^>]+)>d__[0-9]+(`[0-9]+)?(\[.*\])?$")]
    private static partial Regex StateMachine();
}
