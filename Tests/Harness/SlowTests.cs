using System.Reflection;
using NUnit.Framework.Api;
using NUnit.Framework.Interfaces;
using NUnit.Framework.Internal;

namespace DotNettyFraming.Tests.Harness;

/// <summary>Counts tests of category <c>Slow</c>, which a run without a filter leaves out.</summary>
internal static class SlowTests
{
    /// <summary>Writes the number of an assembly's slow test cases to the file that Directory.Build.targets reads.</summary>
    public static void WriteCount(Assembly assembly)
    {
        ITest all = new DefaultTestAssemblyBuilder().Build(assembly, new Dictionary<string, object>());
        string folder = Path.Combine(Repository.Root, "Tests", "TestResults");
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, $"slow-{assembly.GetName().Name}.txt"), $"{Count(all, isSlow: false)}");
    }

    private static int Count(ITest test, bool isSlow)
    {
        isSlow |= test.Properties[PropertyNames.Category].Contains("Slow");
        return test.IsSuite ? test.Tests.Sum(child => Count(child, isSlow)) : isSlow ? 1 : 0;
    }
}
