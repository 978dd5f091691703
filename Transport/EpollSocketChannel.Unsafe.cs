using System.Net;
using DotNetty.Buffers;
using DotNetty.Common.Utilities;
using DotNetty.Transport.Channels;
using DotNettyFraming.Transport.Native;
using Promise = DotNetty.Common.Concurrency.TaskCompletionSource;

namespace DotNettyFraming.Transport;

/// <content>Where the pipeline's head meets the socket.</content>
public sealed partial class EpollSocketChannel
{
    /// <summary>
    /// DotNetty's half of the channel, with what this transport does differently. <see cref="IChannelUnsafe"/> is named
    /// again because some of its methods are not virtual, and the pipeline calls them by the interface.
    /// </summary>
    private sealed class SocketUnsafe : AbstractUnsafe, IChannelUnsafe
    {
        public SocketUnsafe(EpollSocketChannel channel)
            : base(channel)
        {
        }

        private EpollSocketChannel Channel => (EpollSocketChannel)channel;

        public override Task ConnectAsync(EndPoint remoteAddress, EndPoint? localAddress) =>
            Channel.Open ? Channel.Connect(remoteAddress, localAddress) : CreateClosedChannelExceptionTask();

        /// <summary>As the base does, which allocates 32 bytes for each read: the closure of its catch block, whether it catches or not.</summary>
        void IChannelUnsafe.BeginRead()
        {
            if (!Channel.Active)
            {
                return;
            }

            try
            {
                Channel.DoBeginRead();
            }
            catch (Exception e)
            {
                Fail(e);
            }
        }

        Task IChannelUnsafe.WriteAsync(object message)
        {
            Channel._mayHaveWritesWaiting = true;
            if (OutboundBuffer is not { } output)
            {
                ReferenceCountUtil.Release(message);
                return Task.FromException(Channel._writeFailure ?? new ClosedChannelException());
            }

            if (Channel.IsOutputShutdown)
            {
                ReferenceCountUtil.Release(message);
                return Task.FromException(OutputIsShutDown());
            }

            if (Channel._forgetting && message is IByteBuffer buffer)
            {
                output.AddMessage(buffer, buffer.ReadableBytes, Promise.Void);
                return Task.CompletedTask;
            }

            return WriteAsync(message);
        }

        /// <summary>Sends what was flushed, though EPOLLOUT is watched for: it has just come.</summary>
        public void FlushNow() => base.Flush0();

        public void CloseNow() => _ = CloseAsync();

        public void CloseNow(Exception cause) =>
            _ = CloseAsync(cause as ClosedChannelException ?? new ClosedChannelException("connection lost", cause), false);

        /// <summary>Reports a fault of our own down the pipeline, and closes.</summary>
        /// <remarks>As a task, as a handler may be running; still before "inactive".</remarks>
        public void Fail(Exception e)
        {
            Channel.EventLoop.Execute(() => Channel.Pipeline.FireExceptionCaught(e));
            CloseNow(e);
        }

        /// <summary>While EPOLLOUT is watched for, the kernel is full: trying would cost a system call to hear that again.</summary>
        protected override void Flush0()
        {
            if ((Channel._registration.Watched & LibC.EPOLLOUT) == 0)
            {
                base.Flush0();
            }
        }
    }
}
