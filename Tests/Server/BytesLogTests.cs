using DotNetty.Common.Internal.Logging;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.Tests.Harness;
using Microsoft.Extensions.Logging;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Server;

/// <summary>A peer's bytes are logged at Trace, and only there.</summary>
[NonParallelizable] // DotNetty has one log per process
[CancelAfter(60_000)]
public sealed class BytesLogTests
{
    [TestCase(LogLevel.Trace, true)]
    [TestCase(LogLevel.Debug, false)]
    public async Task Bytes_are_dumped_at_trace_only(LogLevel level, bool dumps)
    {
        ILoggerFactory before = InternalLoggerFactory.DefaultFactory;
        var log = new RecordingLogger();
        using var provider = new RecordingProvider(log);
        using ILoggerFactory loggers = LoggerFactory.Create(logging => logging.AddProvider(provider).SetMinimumLevel(level));
        InternalLoggerFactory.DefaultFactory = loggers;
        try
        {
            await using RunningServer server = await RunningServer.StartAsync(TransportChoice.Auto);
            using Peer peer = await server.ConnectAsync();
            await peer.SendAsync(Article);
            Eventually.That(() => server.Counters.PacketsProcessed, Is.EqualTo(1));
        }
        finally
        {
            InternalLoggerFactory.DefaultFactory = before;
        }

        string[] received = [.. log.Lines.Select(line => line.Message)
            .Where(text => text.Contains("RECEIVED: 32B", StringComparison.Ordinal))];
        Assert.That(received, Has.Length.EqualTo(dumps ? 1 : 0));
        Assert.That(received, Has.All.Contains("26 19 00 80 43 CE 5C"));
    }
}
