using System.Net;
using System.Net.Sockets;
using DotNetty.Buffers;
using DotNetty.Common.Concurrency;
using DotNetty.Common.Utilities;
using DotNetty.Transport.Channels;

namespace DotNettyFraming.LoadClient.Abuse;

/// <summary>One hostile connection: plays the script of its kind, one write at a time. Everything here runs on its event loop.</summary>
internal sealed class HostilePeer : ChannelHandlerAdapter, IRunnable
{
    internal const int MostBytesPerTurn = 64 * 1024; // A peer that finds the kernel willing queues behind the others after so many bytes

    private readonly Attack _attack;
    private readonly IChannel _channel;
    private IChannelHandlerContext? _context;
    private Task? _connecting;
    private byte[] _bytes = []; // the tape as it was when the connection was made
    private WholePackets _sent;
    private int _step;
    private Task? _writing;
    private Exception? _fault; // of reading or writing
    private HostileEnd? _end;

    public HostilePeer(Attack attack, IChannel channel, int number)
    {
        _attack = attack;
        _channel = channel;
        Number = number;
        Place = new LinkedListNode<HostilePeer>(this);
    }

    public int Number { get; }

    public bool IsMade { get; private set; } // whether the connection has been made, at some time
    public long MadeAt { get; private set; } // when the connection was made, a timestamp of the attack's clock
    public LinkedListNode<HostilePeer> Place { get; } // the peer's place in a list of the attack, which takes it out in no time

    public void Connect(EndPoint target, EndPoint? source)
    {
        _connecting = source is null ? _channel.ConnectAsync(target) : _channel.ConnectAsync(target, source);
        if (!_connecting.IsCompletedSuccessfully)
        {
            _ = CloseIfRefused(_connecting);
        }

        async Task CloseIfRefused(Task connecting)
        {
            await connecting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
            if (!connecting.IsCompletedSuccessfully)
            {
                Close(); // DotNetty leaves a channel open whose connect has failed
            }
        }
    }

    /// <summary>Ends the connection from our side, however far it has come. The first end wins.</summary>
    public void Leave(HostileEnd end)
    {
        if (_end is null)
        {
            _end = end;
            Close();
        }
    }

    public override void HandlerAdded(IChannelHandlerContext context) => _context = context;

    public override void ChannelActive(IChannelHandlerContext context)
    {
        // DotNetty's sockets may tell a connect that succeeded after the channel was closed.
        if (_end is null)
        {
            IsMade = true;
            MadeAt = _attack.Clock.GetTimestamp();
            _bytes = _attack.Script.Tape.Stamped((uint)_attack.Clock.GetUtcNow().ToUnixTimeSeconds());
            _attack.Made(this);
            Run();
        }

        context.FireChannelActive();
    }

    /// <summary>Takes steps until there is something to wait for.</summary>
    public void Run()
    {
        try
        {
            TakeSteps();
        }
        catch (Exception exception)
        {
            // A bug. The loop would log it and go on, and this peer do nothing until its deadline, as if the server were at fault.
            _attack.LogBug(this, exception);
            ExceptionCaught(_context!, exception);
        }
    }

    public override void ChannelRead(IChannelHandlerContext context, object message) => ReferenceCountUtil.Release(message);

    public override void ExceptionCaught(IChannelHandlerContext context, Exception exception)
    {
        _fault ??= exception;
        Close();
    }

    /// <summary>The channel is closed and gone, whether the connection had been made or not: the one place where its end is told.</summary>
    public override void ChannelUnregistered(IChannelHandlerContext context)
    {
        Exception? refusal = _connecting?.Exception;
        Exception? lostWrite = _writing?.Exception?.GetBaseException();
        if (IsMade)
        {
            _fault ??= lostWrite;
            _attack.Ended(this, _end ?? EndByOthers(), _fault);
        }
        else
        {
            _attack.NotMade(this, _end ?? HostileEnd.Refused, refusal ?? new ClosedChannelException());
        }

        context.FireChannelUnregistered();
    }

    private void TakeSteps()
    {
        for (int bytes = 0; CanGoOn(); _step++)
        {
            HostileStep next = _attack.Script.Next(Number, _step);
            switch (next.Action)
            {
                case HostileAction.Send when bytes >= MostBytesPerTurn:
                    _channel.EventLoop.Execute(this);
                    return;
                case HostileAction.Send:
                    Send(next);
                    bytes += next.Length;
                    break;
                case HostileAction.Pause:
                    _step++;
                    _attack.Pause(this);
                    return;
                case HostileAction.Hold:
                    return;
                case HostileAction.Close:
                    Leave(HostileEnd.EndedItself);
                    return;
                case HostileAction.Reset:
                    _channel.Configuration.SetOption(ChannelOption.SoLinger, 0);
                    Leave(HostileEnd.EndedItself);
                    return;
            }
        }
    }

    private bool CanGoOn()
    {
        if (_end is not null || !_channel.Active || _writing is { IsCompletedSuccessfully: false })
        {
            return false;
        }

        _writing = null;
        return true;
    }

    private void Send(HostileStep step)
    {
        _attack.Counters.Sending(step.Length, _sent.Add(_bytes.AsSpan(step.Offset, step.Length)));
        _writing = _context!.WriteAndFlushAsync(Unpooled.WrappedBuffer(_bytes, step.Offset, step.Length));
        if (!_writing.IsCompleted)
        {
            _writing.ContinueWith(
                static (writing, peer) => ((HostilePeer)peer!).Written(writing),
                this,
                CancellationToken.None,
                TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default);
        }
    }

    private void Written(Task writing)
    {
        // Of a failed write the channel's end tells; looking at the exception marks it as seen, should it come even later.
        if (writing.Exception is null)
        {
            // As a task of its own: the channel completes a write in the middle of its flush, and would not flush the next one there.
            _channel.EventLoop.Execute(this);
        }
    }

    private HostileEnd EndByOthers()
    {
        SocketError? error = ((_fault as SocketException) ?? (_fault?.InnerException as SocketException))?.SocketErrorCode;
        return error switch
        {
            // Shutdown is EPIPE: a write after the reset.
            SocketError.ConnectionReset or SocketError.ConnectionAborted or SocketError.Shutdown => HostileEnd.ResetByServer,
            null when _fault is null or ClosedChannelException => HostileEnd.ClosedByServer,
            _ => HostileEnd.Failed,
        };
    }

    /// <summary>
    /// Closes the channel; ChannelInactive and ChannelUnregistered tell the rest, so its own outcome is only marked as seen.
    /// </summary>
    private void Close() => (_context?.CloseAsync() ?? _channel.CloseAsync()).ContinueWith(
        static closed => _ = closed.Exception,
        CancellationToken.None,
        TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously,
        TaskScheduler.Default);
}

/// <summary>How a hostile connection came to its end; the first reason wins, and every attempt has exactly one.</summary>
internal enum HostileEnd
{
    ClosedByServer, // the server closed it (FIN)
    ResetByServer, // the server reset it (RST): also what a close is that leaves input unread
    Refused, // it could not be made
    EndedItself, // the peer closed or reset it, as its kind does
    StillOpen, // it was open when its deadline came, and we closed it: the server has not defended itself
    Interrupted, // the run was stopped before the connection's end, or while it was being made. It says nothing about the server
    Failed, // an error on our side or on the way: the network went away, TLS failed, a bug
}
