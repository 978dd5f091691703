using DotNettyFraming.Server.Profiling;

namespace DotNettyFraming.Tests.Server.Profiling;

/// <summary>The runtime's type and method names, written as in source code.</summary>
public sealed class NameTests
{
    [TestCase("System.Byte[]", "System.Byte[]")]
    [TestCase("System.Int32[,]", "System.Int32[,]")]
    [TestCase("System.Collections.Generic.List`1[System.Byte[]][]", "System.Collections.Generic.List<System.Byte[]>[]")]
    [TestCase("Entry`2[System.Int32,Box`1[System.__Canon]][]", "Entry<System.Int32,Box<__Canon>>[]")]
    [TestCase("Outer`1+Inner[System.Int32]", "Outer+Inner<System.Int32>")]
    [TestCase("]broken[", "]broken[")]
    [TestCase("", "")]
    public void Type_reads_as_in_source(string name, string readable) => Assert.That(TypeName.Readable(name), Is.EqualTo(readable));

    [TestCase("N.Type", "Method", "N.Type.Method")]
    [TestCase("N.Type`1[System.__Canon]", "Method", "N.Type<__Canon>.Method")]
    [TestCase("N.Type+<RunAsync>d__12", "MoveNext", "N.Type.RunAsync")]
    [TestCase("N.Type+<RunAsync>d__12`1[System.__Canon]", "MoveNext", "N.Type.RunAsync")]
    [TestCase("N.Type+<RunAsync>d__12", "SetStateMachine", "N.Type+<RunAsync>d__12.SetStateMachine")]
    [TestCase("N.Walker", "MoveNext", "N.Walker.MoveNext")]
    [TestCase("N.Type+<>c", "<Run>b__1_0", "N.Type+<>c.<Run>b__1_0")]
    [TestCase("N.Type", ".ctor", "N.Type.ctor")]
    public void Method_reads_as_in_source(string type, string method, string readable) =>
        Assert.That(MethodName.Readable(type, method), Is.EqualTo(readable));
}
