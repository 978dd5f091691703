using System.Net.Sockets;
using DotNettyFraming.Hosting;
using DotNettyFraming.Hosting.Options;

namespace DotNettyFraming.Tests.Hosting;

public sealed class EventLoopsOptionTests
{
    private static readonly Exception[] Faults =
        [new SocketException((int)SocketError.TooManyOpenSockets), new InsufficientMemoryException()];

    [Test]
    public void What_can_be_started_is_returned() =>
        Assert.That(CommonOptions.StartEventLoops(3, filesEach: 2, count => $"{count} loops"), Is.EqualTo("3 loops"));

    [TestCaseSource(nameof(Faults))]
    public void What_the_machine_does_not_give_is_one_line_that_names_the_option(Exception fault)
    {
        StartupException? thrown = Assert.Throws<StartupException>(() => CommonOptions.StartEventLoops<string>(
            3, filesEach: 0, _ => throw new InvalidOperationException("failed to create a child event loop.", fault)));

        Assert.That(thrown!.Message, Is.EqualTo($"--event-loops 3: cannot start that many: {fault.Message}"));
    }

    [Test]
    public void Exception_of_a_bug_is_not_caught() =>
        Assert.Throws<NotSupportedException>(
            () => CommonOptions.StartEventLoops<string>(3, filesEach: 0, _ => throw new NotSupportedException()));
}
