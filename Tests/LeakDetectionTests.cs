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
    public void Turn_detection_on() => ResourceLeakDetector.Level = ResourceLeakDetector.DetectionLevel.Paranoid;

    [TearDown]
    public void Restore_the_level() => ResourceLeakDetector.Level = LeakDetection.RunLevel;

    [Test]
    public void Lost_buffer_is_reported_with_its_origin()
    {
        LeakDetection.Leak(nameof(Lost_buffer_is_reported_with_its_origin));

        Assert.That(LeakDetection.Collect(), Has.One.Contains(nameof(Lost_buffer_is_reported_with_its_origin)));
    }

    [Test]
    public void Lost_buffer_is_reported_after_another_log_was_set()
    {
        ILoggerFactory before = InternalLoggerFactory.DefaultFactory;
        InternalLoggerFactory.DefaultFactory = NullLoggerFactory.Instance;
        try
        {
            LeakDetection.Leak(nameof(Lost_buffer_is_reported_after_another_log_was_set));

            Assert.That(LeakDetection.Collect(), Has.Count.EqualTo(1));
        }
        finally
        {
            InternalLoggerFactory.DefaultFactory = before;
        }
    }
}
