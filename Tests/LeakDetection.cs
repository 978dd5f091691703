using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using DotNetty.Buffers;
using DotNetty.Common;
using DotNetty.Common.Internal.Logging;
using Microsoft.Extensions.Logging;
using NUnit.Framework.Interfaces;

[assembly: DotNettyFraming.Tests.FailOnLeak]

namespace DotNettyFraming.Tests;

/// <summary>DotNetty's leak detector: off, as in production, or at Paranoid, where a lost buffer fails the test that lost it.</summary>
/// <remarks>
/// At Paranoid the epoll transport gives each read a buffer of its own, so tests run both ways (FAULTS 28):
/// <c>dotnet test -c Release -e FRAMING_TESTS_LEAKS=paranoid</c> is the second one.
/// The detector only logs, and only from finalizers, so its log is caught here and a collection is forced after each test.
/// It tracks pooled, direct and composite buffers; an unpooled heap buffer is an array that a collection frees anyway.
/// </remarks>
public static class LeakDetection
{
    /// <summary>The level for this run.</summary>
    public static readonly ResourceLeakDetector.DetectionLevel RunLevel =
        Environment.GetEnvironmentVariable("FRAMING_TESTS_LEAKS") == "paranoid"
            ? ResourceLeakDetector.DetectionLevel.Paranoid
            : ResourceLeakDetector.DetectionLevel.Disabled;

    private static readonly ConcurrentQueue<string> Reports = new();

    /// <summary>
    /// The detector fetches its logger when its class loads, and a test case's source may make a buffer before any set-up runs;
    /// a module's initializer runs before both. A factory set later by a test no longer reaches the detector.
    /// </summary>
    [ModuleInitializer]
    internal static void Install()
    {
        InternalLoggerFactory.DefaultFactory = new LeakReportFactory();
        RuntimeHelpers.RunClassConstructor(typeof(ResourceLeakDetector).TypeHandle);
        ResourceLeakDetector.Level = RunLevel;
    }

    /// <summary>Fails when a tracked buffer was lost since the last call.</summary>
    public static void AssertNone()
    {
        IReadOnlyList<string> reports = Collect();
        Assert.That(reports, Is.Empty, () => string.Join(Environment.NewLine, reports));
    }

    /// <summary>Collects all garbage and takes the reports that have come since the last call.</summary>
    public static IReadOnlyList<string> Collect()
    {
        // Twice: a buffer that only another finalizable object holds on to is found by the second.
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

    /// <summary>Loses a buffer on purpose; not inlined, so that no caller's frame keeps it alive.</summary>
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

/// <summary>Fails the test that lost a buffer.</summary>
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
