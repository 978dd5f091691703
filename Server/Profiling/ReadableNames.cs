using System.Text;
using System.Text.RegularExpressions;

namespace DotNettyFraming.Server.Profiling;

/// <summary>A type's name, as people read it.</summary>
internal static partial class TypeName
{
    /// <summary>The runtime's name for any class, where code is shared by all of them.</summary>
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

/// <summary>The names of types and methods, as people read them: a compiler's inventions are put back to what was written.</summary>
internal static partial class MethodName
{
    /// <summary>A method's name.</summary>
    /// <param name="type">Its type, as the runtime has it.</param>
    /// <param name="method">Its own name.</param>
    public static string Readable(string type, string method)
    {
        // The rest of an async method, or of an iterator, is a method of a type of its own: Type+<Name>d__7.MoveNext.
        Match rest = StateMachine().Match(type);
        return rest.Success && method == "MoveNext"
            ? $"{TypeName.Readable(rest.Groups["type"].Value)}.{rest.Groups["name"].Value}"
            : $"{TypeName.Readable(type)}.{method.TrimStart('.')}"; // .ctor: readers take each dot for a step
    }

    [GeneratedRegex(@"^(?<type>.+)\+<(?<name>[^>]+)>d__[0-9]+(`[0-9]+)?(\[.*\])?$")]
    private static partial Regex StateMachine();
}
