using System.Text.RegularExpressions;

namespace DotNettyFraming.Server.Profiling;

/// <summary>A type's name, as people read it.</summary>
internal static partial class TypeName
{
    /// <summary>Writes <c>List`1[System.Byte[]]</c> as <c>List&lt;System.Byte[]&gt;</c>.</summary>
    public static string Readable(string name) => Arguments().Replace(Arity().Replace(name, ""), "<${arguments}>");

    [GeneratedRegex("`[0-9]+")]
    private static partial Regex Arity();

    /// <summary>What is in brackets that are not an array's, with those inside in pairs.</summary>
    [GeneratedRegex(@"\[(?<arguments>(?:[^\[\],]|\[[,]*\])[^\[\]]*(?:(?<open>\[)[^\[\]]*|(?<-open>\])[^\[\]]*)*(?(open)(?!)))\]")]
    private static partial Regex Arguments();
}
