using BenchmarkDotNet.Attributes;
using DotNetty.Transport.Channels;
using DotNettyFraming.Transport;

namespace DotNettyFraming.Benchmarks.Micro;

/// <summary>What it takes to have something done on an event loop, and to know that it was: there and back between two threads.</summary>
public class WakeUpBenchmarks : IDisposable
{
    private readonly ManualResetEventSlim _done = new();
    private Action _signal = null!;
    private IEventLoopGroup _group = null!;
    private IEventLoop _loop = null!;

    /// <summary>Whose event loop.</summary>
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

    /// <summary>Ends it.</summary>
    [GlobalCleanup]
    public Task Stop() => _group.ShutdownGracefullyAsync(TimeSpan.Zero, TimeSpan.FromSeconds(1));

    /// <summary>BenchmarkDotNet calls it when it is done with the class.</summary>
    public void Dispose()
    {
        _done.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>One task, awaited by a thread that spins a little and then sleeps.</summary>
    [Benchmark]
    public void RoundTrip()
    {
        _done.Reset();
        _loop.Execute(_signal);
        _done.Wait();
    }
}
