namespace DotNettyFraming.Server.Profiling;

/// <summary>A method's name, as people read it.</summary>
internal static class MethodName
{
    public static string Readable(string fullName) => fullName;
}
