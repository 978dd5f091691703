using BenchmarkDotNet.Attributes;
using DotNetty.Transport.Channels;
using DotNettyFraming.Transport;

namespace DotNettyFraming.Benchmarks.Micro;

/// <summary>The cost of running a task on an event loop and of waiting for it on another thread.</summary>
public class WakeUpBenchmarks : IDisposable
{
    private readonly ManualResetEventSlim _done = new();
    private Action _signal = null!;
    private IEventLoopGroup _group = null!;
    private IEventLoop _loop = null!;

    /// <summary>The event loop's transport.</summary>
    [Params("epoll", "sockets")]
    public string Transport { get; set; } = "";

    /// <summary>Starts the loop.</summary>
    [GlobalSetup]
    public void Start()
    {
        _signal = _done.Set;
        _group = Transport switch
        {
            "epoll" => EpollEventLoop.NewGroup(1),
            "sockets" => new MultithreadEventLoopGroup(1),
            _ => throw new InvalidOperationException($"no transport '{Transport}'"),
        };
        _loop = _group.GetNext();
    }

    /// <summary>Stops the loop.</summary>
    [GlobalCleanup]
    public Task Stop() => _group.ShutdownGracefullyAsync(TimeSpan.Zero, TimeSpan.FromSeconds(1));

    /// <summary>Disposes the benchmark; BenchmarkDotNet calls it at the end.</summary>
    public void Dispose()
    {
        _done.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Runs one task; the waiting thread spins a little and then sleeps.</summary>
    [Benchmark]
    public void RoundTrip()
    {
        _done.Reset();
        _loop.Execute(_signal);
        _done.Wait();
    }
}
