using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using DotNetty.Transport.Channels;
using DotNettyFraming.Tests.Harness;
using DotNettyFraming.Transport;

namespace DotNettyFraming.Tests.Transport.Accepting;

/// <summary>A channel on a listening socket that already exists, by its descriptor.</summary>
[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public sealed class AdoptedListenerTests : TransportContract<EpollTransport>
{
    private const int GetDescriptorFlags = 1;
    private const int GetStatusFlags = 3;
    private const int CloseOnExec = 1;
    private const int NonBlocking = 0x800;

    [Test]
    public async Task Connection_made_before_the_adoption_is_served()
    {
        Socket raw = RawListener();
        Socket peer = DisposeLater(new Socket(SocketType.Stream, ProtocolType.Tcp));
        await peer.ConnectAsync(raw.LocalEndPoint!, Cancel);
        await peer.SendAsync(Pattern(100), SocketFlags.None, Cancel);

        var handler = new RecordingHandler();
        (IChannel listener, _) = await AdoptAsync(raw, handler);

        await handler.ReceivedAtLeast(100, Cancel);
        Assert.That(listener.LocalAddress, Is.EqualTo(raw.LocalEndPoint));
        Assert.That(listener.Active, Is.True);
    }

    [Test]
    public async Task Descriptor_becomes_non_blocking_and_closed_on_exec()
    {
        Socket raw = RawListener();
        raw.Blocking = true;

        (_, int descriptor) = await AdoptAsync(raw, new RecordingHandler());

        Assert.That(FileControl(descriptor, GetDescriptorFlags, 0) & CloseOnExec, Is.Not.Zero);
        Assert.That(FileControl(descriptor, GetStatusFlags, 0) & NonBlocking, Is.Not.Zero);
    }

    [Test]
    public async Task Socket_outlives_the_channel_for_another_holder()
    {
        Socket raw = RawListener();
        (IChannel listener, int descriptor) = await AdoptAsync(raw, new RecordingHandler());

        await listener.CloseAsync().WaitAsync(Cancel);

        Assert.That(FileControl(descriptor, GetDescriptorFlags, 0), Is.Negative, "closed");
        Socket peer = DisposeLater(new Socket(SocketType.Stream, ProtocolType.Tcp));
        await peer.ConnectAsync(raw.LocalEndPoint!, Cancel);
        using Socket accepted = await raw.AcceptAsync(Cancel);
        Assert.That(accepted.Connected, Is.True);
    }

    [TestCase(AddressFamily.InterNetwork, SocketType.Stream, "does not listen")]
    [TestCase(AddressFamily.InterNetwork, SocketType.Dgram, "is neither a TCP nor a Unix stream socket")]
    [TestCase(AddressFamily.Unix, SocketType.Dgram, "is neither a TCP nor a Unix stream socket")]
    [TestCase(AddressFamily.Unix, SocketType.Stream, "does not listen")]
    public void Other_socket_is_refused_and_stays_the_callers(AddressFamily family, SocketType type, string why)
    {
        using var socket = new Socket(family, type, ProtocolType.Unspecified);
        using var descriptor = new DuplicatedDescriptor(socket);

        Assert.That(
            () => EpollServerSocketChannel.Adopt(descriptor.Number),
            Throws.TypeOf<SocketException>().With.Message.Contains($"descriptor {descriptor.Number} {why}"));
    }

    private async Task<(IChannel Channel, int Descriptor)> AdoptAsync(Socket raw, RecordingHandler handler)
    {
        using var descriptor = new DuplicatedDescriptor(raw);
        IChannel listener = await Listen(
            channel => channel.Pipeline.AddLast(handler),
            bootstrap => bootstrap.ChannelFactory(() => EpollServerSocketChannel.Adopt(descriptor.Give())),
            new IPEndPoint(IPAddress.Any, 1)); // ignored
        return (listener, descriptor.Number);
    }

    [DllImport("libc", EntryPoint = "fcntl")]
    private static extern int FileControl(int descriptor, int command, nint argument);
}
