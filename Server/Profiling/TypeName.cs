namespace DotNettyFraming.Server.Profiling;

/// <summary>A type's name, as people read it.</summary>
internal static class TypeName
{
    public static string Readable(string fullName) => fullName;
}
