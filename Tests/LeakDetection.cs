using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using DotNetty.Buffers;
using DotNetty.Common;
using DotNetty.Common.Internal.Logging;
using Microsoft.Extensions.Logging;

/// <summary>
/// FAULTS 28. Runs every test of this assembly with DotNetty's leak detector at Paranoid, and fails the run when a buffer that it tracks
/// is collected without having been released. In no namespace, so that NUnit applies it to all of them.
/// </summary>
/// <remarks>
/// The detector only logs, and only from finalizers, so its log is caught here and collections are forced before looking.
/// It tracks pooled, direct and composite buffers; an unpooled heap buffer is an array that a collection frees anyway.
/// </remarks>
[SetUpFixture]
[SuppressMessage("Design", "CA1050:Declare types in namespaces", Justification = "NUnit would apply it to that namespace only.")]
public sealed class LeakDetection
{
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
        ResourceLeakDetector.Level = ResourceLeakDetector.DetectionLevel.Paranoid;
    }

    /// <summary>Fails when any tracked buffer has been lost so far, in this test or in one before it.</summary>
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

    /// <summary>A detector that cannot bark would let everything pass: lets it bark once before the first test.</summary>
    [OneTimeSetUp]
    public void Check_that_a_leak_is_seen()
    {
        Leak("on purpose");
        Assert.That(Collect(), Has.Count.EqualTo(1), "leak reports after one buffer was lost on purpose");
    }

    [OneTimeTearDown]
    public void Fail_the_run_on_any_leak()
    {
        Assert.That(
            ResourceLeakDetector.Level,
            Is.EqualTo(ResourceLeakDetector.DetectionLevel.Paranoid),
            "a test that lowers the level puts it back");
        AssertNone();
    }

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
