namespace DotNettyFraming.Server.Startup;

/// <summary>Sizes DotNetty's buffer pool for a server whose buffers are few: one receive buffer a loop, and small tails.</summary>
/// <remarks>
/// DotNetty reads these once, from environment variables, when the pool is first touched; so this comes before any other use
/// of DotNetty. A variable that the user has set is left alone.
/// </remarks>
internal static class BufferPool
{
    /// <summary>Sets what the user has not.</summary>
    /// <param name="eventLoops">Event loops that will take buffers.</param>
    public static void Configure(int eventLoops)
    {
        Default("io.netty.allocator.numHeapArenas", eventLoops); // an arena a loop: none waits for another's lock
        Default("io.netty.allocator.numDirectArenas", eventLoops);
        Default("io.netty.allocator.maxOrder", 8); // chunks of 8 KiB << 8 = 2 MiB, where 16 MiB would mostly lie idle
        Default("io.netty.allocator.maxCachedBufferCapacity", ReceiveBuffers.BufferBytes); // a receive buffer comes from the thread's cache
        Default("io.netty.leakDetection.level", "Disabled"); // samples one buffer in 128 otherwise
    }

    private static void Default(string variable, object value)
    {
        if (Environment.GetEnvironmentVariable(variable) is null)
        {
            Environment.SetEnvironmentVariable(variable, value.ToString());
        }
    }
}
