using System.Net;
using DotNetty.Buffers;
using DotNetty.Common.Utilities;
using DotNetty.Transport.Channels;
using DotNettyFraming.Transport.Native;
using Promise = DotNetty.Common.Concurrency.TaskCompletionSource;

namespace DotNettyFraming.Transport;

/// <content>The pipeline head's interface to the socket.</content>
public sealed partial class EpollSocketChannel
{
    /// <summary>DotNetty's base implementation with this transport's differences.</summary>
    /// <remarks><see cref="IChannelUnsafe"/> is implemented again because some methods are not virtual.</remarks>
    private sealed class SocketUnsafe : AbstractUnsafe, IChannelUnsafe
    {
        public SocketUnsafe(EpollSocketChannel channel)
            : base(channel)
        {
        }

        private EpollSocketChannel Channel => (EpollSocketChannel)channel;

        public override Task ConnectAsync(EndPoint remoteAddress, EndPoint? localAddress) =>
            Channel.Open ? Channel.Connect(remoteAddress, localAddress) : CreateClosedChannelExceptionTask();

        // The base allocates 32 bytes per read: the closure of its catch block.
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

        /// <summary>Sends flushed writes although EPOLLOUT is watched: the event has just come.</summary>
        public void FlushNow() => base.Flush0();

        public void CloseNow() => _ = CloseAsync();

        public void CloseNow(Exception cause) =>
            _ = CloseAsync(cause as ClosedChannelException ?? new ClosedChannelException("connection lost", cause), false);

        /// <summary>Reports an exception of the transport to the pipeline and closes.</summary>
        /// <remarks>It is reported as a task, as a handler may be running, but before "inactive".</remarks>
        public void Fail(Exception e)
        {
            Channel.EventLoop.Execute(() => Channel.Pipeline.FireExceptionCaught(e));
            CloseNow(e);
        }

        // While EPOLLOUT is watched the kernel is full: a try would only cost a system call.
        protected override void Flush0()
        {
            if ((Channel._registration.Watched & LibC.EPOLLOUT) == 0)
            {
                base.Flush0();
            }
        }
    }
}
