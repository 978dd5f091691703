using System.Net.Sockets;
using DotNetty.Transport.Channels;
using DotNettyFraming.Hosting;

namespace DotNettyFraming.Server.Startup;

/// <summary>A check, once per second, whether a listening socket was closed or shut down from outside the server.</summary>
/// <remarks>The kernel does not report it: no accept fails before a connection arrives. Thread-safe.</remarks>
internal sealed class ListenerWatch : IDisposable
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    private readonly IChannel _listener;
    private readonly Func<IChannel, bool> _isListening;
    private readonly TaskCompletionSource<string> _lost = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ITimer _timer;

    /// <summary>Starts to check.</summary>
    /// <param name="listener">A channel that listens.</param>
    /// <param name="isListening">Asks the kernel whether the channel's socket still listens.</param>
    /// <param name="time">The clock.</param>
    public ListenerWatch(IChannel listener, Func<IChannel, bool> isListening, TimeProvider time)
    {
        _listener = listener;
        _isListening = isListening;
        _timer = time.CreateAlignedTimer(Check, Period);
        listener.CloseCompletion.ContinueWith(
            _ => _lost.TrySetResult("it was closed"),
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
    }

    /// <summary>Completes with the cause when the socket no longer listens; cancelled by <see cref="Dispose"/>.</summary>
    public Task<string> Lost => _lost.Task;

    /// <summary>Stops checking, before the server closes the listener itself.</summary>
    public void Dispose()
    {
        _timer.Dispose();
        _lost.TrySetCanceled();
    }

    private void Check()
    {
        try
        {
            if (!_isListening(_listener))
            {
                _lost.TrySetResult("it was shut down from outside");
            }
        }
        catch (ObjectDisposedException)
        {
            // The close completion reports it.
        }
        catch (SocketException e)
        {
            _lost.TrySetResult(e.Message);
        }
    }
}
