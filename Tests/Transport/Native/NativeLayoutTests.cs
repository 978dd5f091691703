using System.Net;
using System.Net.Sockets;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using DotNettyFraming.Transport.EventLoops;
using DotNettyFraming.Transport.Native;

namespace DotNettyFraming.Tests.Transport.Native;

public class NativeLayoutTests
{
    private static string Triplet => RuntimeInformation.ProcessArchitecture == Architecture.X64 ? "x86_64-linux-gnu" : "aarch64-linux-gnu";

    [TestCase(Architecture.X64, 12, 4)]
    [TestCase(Architecture.Arm64, 16, 8)]
    public void Epoll_event_is_packed_on_x64_alone(Architecture architecture, int size, int dataOffset)
    {
        Assert.That(EpollEventLayout.For(architecture), Is.EqualTo(new EpollEventLayout(size, dataOffset)));
    }

    [Test]
    public void Kernel_hands_back_the_key_of_each_event()
    {
        using var poller = new EpollPoller();
        using Socket first = Listener();
        using Socket second = Listener();
        using Socket toFirst = ConnectTo(first);
        using Socket toSecond = ConnectTo(second);
        ulong[] keys = [0x1234_5678_9ABC_DEF0, 0x0FED_CBA9_8765_4321];

        poller.Control(LibC.EPOLL_CTL_ADD, (int)first.Handle, LibC.EPOLLIN, keys[0]);
        poller.Control(LibC.EPOLL_CTL_ADD, (int)second.Handle, LibC.EPOLLIN, keys[1]);
        int count = poller.Wait(1_000_000_000);

        Assert.That(count, Is.EqualTo(2));
        Assert.That(new[] { poller.EventAt(0), poller.EventAt(1) }, Is.EquivalentTo(keys.Select(k => (LibC.EPOLLIN, k))));
    }

    [Test]
    public void Structures_have_the_sizes_of_64_bit_Linux()
    {
        Assert.That(Unsafe.SizeOf<LibC.IoVector>(), Is.EqualTo(16));
        Assert.That(Unsafe.SizeOf<LibC.MessageHeader>(), Is.EqualTo(56));
        Assert.That(Unsafe.SizeOf<LibC.LingerOption>(), Is.EqualTo(8));
        Assert.That(Unsafe.SizeOf<LibC.TimeSpec>(), Is.EqualTo(16));
        Assert.That(Unsafe.SizeOf<NativeSocketAddress>(), Is.EqualTo(28));
    }

    [Test]
    public void Functions_but_epoll_pwait2_are_in_glibc_2_27()
    {
        if (!NativeLibrary.TryLoad("libc.so.6", out nint libc) || !File.Exists($"/lib/{Triplet}/libc.so.6"))
        {
            Assert.Ignore("needs glibc");
        }

        // The oldest glibc of .NET is 2.27; a function has the version in which it last changed.
        string[] versions = ["2.2.5", "2.3.2", "2.4", "2.7", "2.9", "2.10", "2.17", "2.27"];
        IEnumerable<string> functions = typeof(LibC).GetMethods(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic)
            .Select(m => m.GetCustomAttribute<LibraryImportAttribute>()?.EntryPoint).OfType<string>();

        Assert.That(functions.Count(), Is.GreaterThan(20));
        Assert.That(
            functions.Where(f => versions.All(v => VersionedSymbol(libc, f, $"GLIBC_{v}") == 0)),
            Is.EqualTo(new[] { "epoll_pwait2" }));
    }

    [Test]
    public void Thread_id_is_the_kernels()
    {
        Assert.That(Directory.Exists($"/proc/self/task/{LibC.GetThreadId()}"), Is.True);
    }

    [TestCase("1.2.3.4:80", LibC.AF_INET, "1.2.3.4:80", 16)]
    [TestCase("1.2.3.4:80", LibC.AF_INET6, "[::ffff:1.2.3.4]:80", 28)]
    [TestCase("[::ffff:1.2.3.4]:80", LibC.AF_INET, "1.2.3.4:80", 16)]
    [TestCase("[2001:db8::7]:65535", LibC.AF_INET6, "[2001:db8::7]:65535", 28)]
    [TestCase("[fe80::1%3]:9", LibC.AF_INET6, "[fe80::1%3]:9", 28)]
    public void Address_survives_encoding(string text, int family, string expected, int expectedLength)
    {
        var address = IPEndPoint.Parse(text);

        Assert.That(NativeSocketAddress.Of(address, family).Decode(), Is.EqualTo(IPEndPoint.Parse(expected)));
        Assert.That(NativeSocketAddress.Encode(address, family, new byte[28]), Is.EqualTo(expectedLength));
    }

    [TestCase(1)]
    [TestCase(107)]
    public void Path_survives_encoding(int length)
    {
        var path = new UnixDomainSocketEndPoint(new string('x', length));
        byte[] bytes = new byte[112];

        int encoded = NativeSocketAddress.Encode(path, LibC.AF_UNIX, bytes);

        Assert.That(NativeSocketAddress.Decode(bytes.AsSpan(0, encoded)), Is.EqualTo(path));
        Assert.That(NativeSocketAddress.Decode([1, 0]), Is.Null, "unnamed");
    }

    [Test]
    public void Address_that_does_not_fit_is_refused()
    {
        var ipv6 = IPEndPoint.Parse("[::1]:1");
        Assert.That(() => NativeSocketAddress.Of(ipv6, LibC.AF_INET), Throws.InstanceOf<SocketException>());
        Assert.That(() => NativeSocketAddress.Of(ipv6, LibC.AF_UNIX), Throws.ArgumentException);
        Assert.That(() => NativeSocketAddress.Of(new UnixDomainSocketEndPoint("/x"), LibC.AF_INET), Throws.ArgumentException);
        Assert.That(() => NativeSocketAddress.Of(new DnsEndPoint("name", 1), LibC.AF_INET), Throws.ArgumentException);
        Assert.That(default(NativeSocketAddress).Decode(), Is.Null);
    }

    [TestCase(Errno.ECONNRESET, SocketError.ConnectionReset)]
    [TestCase(Errno.ECONNREFUSED, SocketError.ConnectionRefused)]
    [TestCase(Errno.ETIMEDOUT, SocketError.TimedOut)]
    [TestCase(Errno.EADDRINUSE, SocketError.AddressAlreadyInUse)]
    [TestCase(Errno.EMFILE, SocketError.TooManyOpenSockets)]
    [TestCase(4711, SocketError.SocketError)]
    public void Errno_has_its_SocketError(int errno, SocketError expected)
    {
        Assert.That(SocketErrors.ToException(errno).SocketErrorCode, Is.EqualTo(expected));
    }

    [Test]
    public void Reset_is_one_shared_exception()
    {
        Assert.That(SocketErrors.ToException(Errno.ECONNRESET), Is.SameAs(SocketErrors.ConnectionReset));
    }

    private static Socket Listener()
    {
        var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        return listener;
    }

    private static Socket ConnectTo(Socket listener)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Connect(listener.LocalEndPoint!);
        return socket;
    }

    /// <summary>dlvsym(3); 0 = no symbol of that version.</summary>
    [DllImport("libdl.so.2", EntryPoint = "dlvsym")]
    private static extern nint VersionedSymbol(nint library, string name, string version);
}
