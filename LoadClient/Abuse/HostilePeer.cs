using System.Net;
using DotNetty.Buffers;
using DotNetty.Common.Concurrency;
using DotNetty.Common.Utilities;
using DotNetty.Transport.Channels;
using DotNettyFraming.LoadClient.Sending;

namespace DotNettyFraming.LoadClient.Abuse;

/// <summary>One hostile connection, which plays the script of its kind, one write at a time. Runs on its event loop.</summary>
internal sealed class HostilePeer : ChannelHandlerAdapter, IRunnable
{
    internal const int MaxBytesPerTurn = 64 * 1024; // after these a peer queues behind the others

    private readonly Attack _attack;
    private readonly IChannel _channel;
    private IChannelHandlerContext? _context;
    private Task? _connecting;
    private byte[] _bytes = []; // the tape, stamped when the connection was made
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

    public bool IsMade { get; private set; }
    public long MadeAt { get; private set; } // a timestamp of the attack's clock
    public LinkedListNode<HostilePeer> Place { get; } // in a list of the attack, for removal without a search

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

    /// <summary>Closes the connection in any state. The first reason wins.</summary>
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
        // DotNetty's sockets may report a successful connect after the channel was closed.
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

    /// <summary>Takes steps until one has to wait.</summary>
    public void Run()
    {
        try
        {
            TakeSteps();
        }
        catch (Exception exception)
        {
            // A bug: without this the peer would be idle until its deadline, as if the server were at fault.
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

    /// <summary>Reports the end of the connection, made or not; the only place that does.</summary>
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
                case HostileAction.Send when bytes >= MaxBytesPerTurn:
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
        // ChannelUnregistered reports a failed write; reading the exception marks it as observed.
        if (writing.Exception is null)
        {
            // As a task: the channel completes a write within its flush, and would not flush another one from there.
            _channel.EventLoop.Execute(this);
        }
    }

    private HostileEnd EndByOthers() =>
        ConnectionEnding.IsReset(_fault) ? HostileEnd.ResetByServer
        : ConnectionEnding.IsClose(_fault) ? HostileEnd.ClosedByServer
        : HostileEnd.Failed;

    /// <summary>Closes the channel; ChannelUnregistered reports the outcome, so the task's exception is only marked as observed.</summary>
    private void Close() => (_context?.CloseAsync() ?? _channel.CloseAsync()).ContinueWith(
        static closed => _ = closed.Exception,
        CancellationToken.None,
        TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously,
        TaskScheduler.Default);
}

/// <summary>The end of a hostile connection; every attempt has exactly one, the first.</summary>
internal enum HostileEnd
{
    ClosedByServer, // FIN
    ResetByServer, // RST, also from a close that leaves input unread
    Refused, // could not be made
    EndedItself, // closed or reset by the peer, as its kind does
    StillOpen, // closed by us at its deadline: the server has not defended itself
    Interrupted, // the run was stopped first; says nothing about the server
    Failed, // an error on our side or on the way: the network, TLS, a bug
}
