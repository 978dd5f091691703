using DotNetty.Common;
using DotNetty.Common.Internal.Logging;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace DotNettyFraming.Tests;

[TestFixture]
[NonParallelizable]
public class LeakDetectionTests
{
    [SetUp]
    public void Look_for_leaks() => ResourceLeakDetector.Level = ResourceLeakDetector.DetectionLevel.Paranoid;

    [TearDown]
    public void Restore_the_level() => ResourceLeakDetector.Level = LeakDetection.RunLevel;

    [Test]
    public void Lost_buffer_is_reported_with_where_it_was_made()
    {
        LeakDetection.Leak(nameof(Lost_buffer_is_reported_with_where_it_was_made));

        Assert.That(LeakDetection.Collect(), Has.One.Contains(nameof(Lost_buffer_is_reported_with_where_it_was_made)));
    }

    [Test]
    public void Lost_buffer_is_reported_when_another_log_has_been_set()
    {
        ILoggerFactory ours = InternalLoggerFactory.DefaultFactory;
        InternalLoggerFactory.DefaultFactory = NullLoggerFactory.Instance;
        try
        {
            LeakDetection.Leak(nameof(Lost_buffer_is_reported_when_another_log_has_been_set));

            Assert.That(LeakDetection.Collect(), Has.Count.EqualTo(1));
        }
        finally
        {
            InternalLoggerFactory.DefaultFactory = ours;
        }
    }
}
