using System.Net.Sockets;
using System.Runtime.InteropServices;
using DotNetty.Buffers;
using DotNettyFraming.Transport;
using DotNettyFraming.Transport.EventLoops;

namespace DotNettyFraming.Tests.Transport.EventLoops;

/// <summary>An event loop that cannot start leaves no descriptor open.</summary>
[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public class StartFailureTests
{
    [Test]
    public void Descriptor_that_epoll_refuses_closes_both()
    {
        int epolls = Epolls();
        int file;
        using (FileStream regular = File.OpenRead(typeof(StartFailureTests).Assembly.Location))
        {
            file = Duplicate((int)regular.SafeFileHandle.DangerousGetHandle());
        }

        // epoll_ctl(2) says EPERM for a regular file.
        Assert.That(() => new EpollPoller(eventFd: file), Throws.InstanceOf<SocketException>().With.Message.Contains("epoll_ctl"));

        Assert.That(Close(file), Is.EqualTo(-1), "closed already");
        Assert.That(Epolls(), Is.EqualTo(epolls));
    }

    [Test]
    public void Thread_that_does_not_start_leaves_no_descriptor()
    {
        int epolls = Epolls();

        Assert.That(
            () => new EpollEventLoop(
                null, UnpooledByteBufferAllocator.Default, 1024, _ => throw new InsufficientMemoryException("no thread")),
            Throws.InstanceOf<InsufficientMemoryException>());

        Assert.That(Epolls(), Is.EqualTo(epolls));
    }

    /// <summary>Returns the number of epoll instances and eventfds of this process.</summary>
    private static int Epolls() =>
        Directory.GetFileSystemEntries("/proc/self/fd").Count(
            f => new FileInfo(f).LinkTarget is "anon_inode:[eventpoll]" or "anon_inode:[eventfd]");

    [DllImport("libc", EntryPoint = "dup")]
    private static extern int Duplicate(int descriptor);

    [DllImport("libc", EntryPoint = "close")]
    private static extern int Close(int descriptor);
}
