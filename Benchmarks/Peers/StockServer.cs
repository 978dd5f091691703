using System.Net;
using DotNetty.Buffers;
using DotNetty.Codecs;
using DotNetty.Common;
using DotNetty.Transport.Bootstrapping;
using DotNetty.Transport.Channels;
using DotNetty.Transport.Channels.Sockets;

namespace DotNettyFraming.Benchmarks.Peers;

/// <summary>DotNetty as published: its socket transport, its decoder, a handler that checks and a handler that counts.</summary>
/// <remarks>
/// As in DotNetty's examples, with three settings for comparability: our server's number of event loops (the default is twice
/// the processors), its backlog, and no leak detection (the default samples one buffer in 128).
/// </remarks>
internal sealed class StockServer(int loops) : IPeer
{
    private const int Backlog = 4096;

    private long _packets;

    public long PacketsProcessed => Interlocked.Read(ref _packets);

    public async Task<IPEndPoint> StartAsync(int port)
    {
        ResourceLeakDetector.Level = ResourceLeakDetector.DetectionLevel.Disabled;
        IChannel listener = await new ServerBootstrap()
            .Group(new MultithreadEventLoopGroup(1), new MultithreadEventLoopGroup(loops))
            .Channel<TcpServerSocketChannel>()
            .Option(ChannelOption.SoBacklog, Backlog)
            .ChildHandler(new ActionChannelInitializer<ISocketChannel>(channel => channel.Pipeline
                .AddLast(new LengthFieldBasedFrameDecoder(
                    ByteOrder.LittleEndian,
                    maxFrameLength: 7 + ushort.MaxValue,
                    lengthFieldOffset: 1,
                    lengthFieldLength: 2,
                    lengthAdjustment: 4,
                    initialBytesToStrip: 0,
                    failFast: true))
                .AddLast(new PrefixHandler())
                .AddLast(new CountingHandler(this))))
            .BindAsync(IPAddress.Loopback, port);
        return (IPEndPoint)listener.LocalAddress;
    }

    /// <summary>In: frames. Out: frames with a valid prefix.</summary>
    private sealed class PrefixHandler : ChannelHandlerAdapter
    {
        public override void ChannelRead(IChannelHandlerContext context, object message)
        {
            var frame = (IByteBuffer)message;
            if (frame.GetByte(frame.ReaderIndex) == (byte)'&')
            {
                context.FireChannelRead(message);
            }
            else
            {
                frame.Release();
                context.CloseAsync();
            }
        }
    }

    /// <summary>In: frames. Counts them and adds the count to the server's once per read.</summary>
    private sealed class CountingHandler(StockServer server) : SimpleChannelInboundHandler<IByteBuffer>
    {
        private long _packets;

        public override void ChannelReadComplete(IChannelHandlerContext context)
        {
            Publish();
            context.FireChannelReadComplete();
        }

        public override void ChannelInactive(IChannelHandlerContext context)
        {
            Publish();
            context.FireChannelInactive();
        }

        public override void ExceptionCaught(IChannelHandlerContext context, Exception exception) => context.CloseAsync();

        protected override void ChannelRead0(IChannelHandlerContext ctx, IByteBuffer msg) => _packets++;

        private void Publish()
        {
            Interlocked.Add(ref server._packets, _packets);
            _packets = 0;
        }
    }
}
