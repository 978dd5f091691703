using DotNettyFraming.Hosting.Options;
using DotNettyFraming.LoadClient.Connecting;
using DotNettyFraming.Tests.Harness;
using Microsoft.Extensions.Time.Testing;

namespace DotNettyFraming.Tests.LoadClient.Connecting;

[CancelAfter(30_000)]
public sealed class LoadTransportTests
{
    [TestCase(TransportChoice.Epoll)]
    [TestCase(TransportChoice.Sockets)]
    public async Task Event_loop_that_does_not_end_is_left_behind_after_5_s_and_logged(TransportChoice choice)
    {
        using var gate = new ManualResetEventSlim();
        var clock = new FakeTimeProvider();
        var log = new RecordingLogger();
        LoadTransport transport = LoadTransport.Of(choice, eventLoops: 1);
        transport.Group.GetNext().Execute(gate.Wait);
        try
        {
            Task ended = transport.ShutDownAsync(clock, log);
            clock.Advance(TimeSpan.FromSeconds(4.9));
            Assert.That(ended.IsCompleted, Is.False);
            clock.Advance(TimeSpan.FromSeconds(0.1));
            await ended.WaitAsync(Peer.Patience);

            Assert.That(log.Errors, Is.EqualTo(new[] { "event loops did not end within 5 s of the end of the run" }));
        }
        finally
        {
            gate.Set();
        }
    }
}
