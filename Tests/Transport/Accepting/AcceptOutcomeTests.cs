using DotNettyFraming.Transport.Accepting;
using DotNettyFraming.Transport.Native;

namespace DotNettyFraming.Tests.Transport.Accepting;

public class AcceptOutcomeTests
{
    [TestCase(Errno.EAGAIN, nameof(AcceptOutcome.NoneWaiting))]
    [TestCase(Errno.ECONNABORTED, nameof(AcceptOutcome.TryNext))]
    [TestCase(Errno.EPROTO, nameof(AcceptOutcome.TryNext))]
    [TestCase(Errno.EINTR, nameof(AcceptOutcome.TryNext))]
    [TestCase(Errno.ENETDOWN, nameof(AcceptOutcome.TryNext))]
    [TestCase(Errno.EHOSTUNREACH, nameof(AcceptOutcome.TryNext))]
    [TestCase(Errno.EMFILE, nameof(AcceptOutcome.Exhausted))]
    [TestCase(Errno.ENFILE, nameof(AcceptOutcome.Exhausted))]
    [TestCase(Errno.ENOBUFS, nameof(AcceptOutcome.Exhausted))]
    [TestCase(Errno.ENOMEM, nameof(AcceptOutcome.Exhausted))]
    [TestCase(Errno.EBADF, nameof(AcceptOutcome.TryNext))]
    [TestCase(Errno.EINVAL, nameof(AcceptOutcome.TryNext))]
    public void Errno_of_accept_decides_what_the_listener_does(int errno, string expected)
    {
        Assert.That(AcceptOutcomes.Of(errno).ToString(), Is.EqualTo(expected));
    }
}
