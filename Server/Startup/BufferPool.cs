namespace DotNettyFraming.Server.Startup;

/// <summary>The size of DotNetty's buffer pool: one receive buffer per event loop, and small tails.</summary>
/// <remarks>
/// DotNetty reads these variables once, when the pool is first used, so this must run before any other use of DotNetty.
/// </remarks>
internal static class BufferPool
{
    /// <summary>Sets the variables that the user has not set.</summary>
    public static void Configure(int eventLoops)
    {
        Default("io.netty.allocator.numHeapArenas", eventLoops); // one arena per loop, so that no loop waits for another's lock
        Default("io.netty.allocator.numDirectArenas", eventLoops);
        Default("io.netty.allocator.maxOrder", 8); // chunks of 8 KiB << 8 = 2 MiB; the default of 16 MiB stays mostly unused
        Default("io.netty.allocator.maxCachedBufferCapacity", ReceiveBuffers.BufferBytes); // receive buffers from the thread's cache
        Default("io.netty.leakDetection.level", "Disabled"); // the default samples one buffer in 128
    }

    private static void Default(string variable, object value)
    {
        if (Environment.GetEnvironmentVariable(variable) is null)
        {
            Environment.SetEnvironmentVariable(variable, value.ToString());
        }
    }
}
