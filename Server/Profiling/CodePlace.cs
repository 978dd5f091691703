namespace DotNettyFraming.Server.Profiling;

/// <summary>A place in the code: one frame of a stack.</summary>
/// <param name="Function">The method, as people read it: type and name.</param>
/// <param name="FullName">The method as the runtime calls it, its parameters' types included.</param>
/// <param name="File">Its source file; empty where no symbols say it.</param>
/// <param name="Line">The line in it, from 1; 0 where it is unknown.</param>
internal readonly record struct CodePlace(string Function, string FullName, string File = "", int Line = 0);
