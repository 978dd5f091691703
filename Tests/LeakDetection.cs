using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using DotNetty.Buffers;
using DotNetty.Common;
using DotNetty.Common.Internal.Logging;
using Microsoft.Extensions.Logging;
using NUnit.Framework.Interfaces;

[assembly: DotNettyFraming.Tests.FailOnLeak]

namespace DotNettyFraming.Tests;

/// <summary>DotNetty's leak detector: off, as in production, or at Paranoid, where a lost buffer fails its test (FAULTS 28).</summary>
/// <remarks>
/// <c>dotnet test -c Release -e FRAMING_TESTS_LEAKS=paranoid</c> turns it on. The epoll transport then uses one buffer per read,
/// so that tests must run both ways. The detector logs from finalizers only: its log is captured here, and a collection is
/// forced after each test. It tracks pooled, direct and composite buffers; unpooled heap buffers are arrays.
/// </remarks>
public static class LeakDetection
{
    /// <summary>The level for this run.</summary>
    public static readonly ResourceLeakDetector.DetectionLevel RunLevel =
        Environment.GetEnvironmentVariable("FRAMING_TESTS_LEAKS") == "paranoid"
            ? ResourceLeakDetector.DetectionLevel.Paranoid
            : ResourceLeakDetector.DetectionLevel.Disabled;

    private static readonly ConcurrentQueue<string> Reports = new();

    /// <summary>Installs the logger before the detector's class loads, which a test case's source may cause before any set-up.</summary>
    [ModuleInitializer]
    internal static void Install()
    {
        InternalLoggerFactory.DefaultFactory = new LeakReportFactory();
        RuntimeHelpers.RunClassConstructor(typeof(ResourceLeakDetector).TypeHandle);
        ResourceLeakDetector.Level = RunLevel;
    }

    /// <summary>Asserts that no tracked buffer was lost since the last call.</summary>
    public static void AssertNone()
    {
        IReadOnlyList<string> reports = Collect();
        Assert.That(reports, Is.Empty, () => string.Join(Environment.NewLine, reports));
    }

    /// <summary>Collects all garbage and returns the reports since the last call.</summary>
    public static IReadOnlyList<string> Collect()
    {
        // Twice: the second finds buffers that another finalizable object referenced.
        for (int i = 0; i < 2; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        List<string> reports = [];
        while (Reports.TryDequeue(out string? report))
        {
            reports.Add(report);
        }

        return reports;
    }

    /// <summary>Loses a buffer on purpose. Not inlined: a caller's frame could keep it alive.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static void Leak(string mark) => PooledByteBufferAllocator.Default.HeapBuffer(16).Touch(mark);

    private sealed class LeakReportFactory : ILoggerFactory
    {
        private readonly LeakReportLogger _logger = new();

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public ILogger CreateLogger(string categoryName) => _logger;

        public void Dispose()
        {
        }
    }

    private sealed class LeakReportLogger : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Error;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            string message = formatter(state, exception);
            if (message.StartsWith("LEAK:", StringComparison.Ordinal))
            {
                Reports.Enqueue(message);
            }
        }
    }
}

/// <summary>The test action that fails a test after it lost a buffer.</summary>
[AttributeUsage(AttributeTargets.Assembly)]
public sealed class FailOnLeakAttribute : Attribute, ITestAction
{
    /// <inheritdoc/>
    public ActionTargets Targets => ActionTargets.Test;

    /// <inheritdoc/>
    public void BeforeTest(ITest test)
    {
    }

    /// <inheritdoc/>
    public void AfterTest(ITest test)
    {
        Assert.That(ResourceLeakDetector.Level, Is.EqualTo(LeakDetection.RunLevel), "a test that changes the level restores it");
        if (LeakDetection.RunLevel == ResourceLeakDetector.DetectionLevel.Paranoid)
        {
            LeakDetection.AssertNone();
        }
    }
}
