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
