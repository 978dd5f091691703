using DotNettyFraming.Hosting.Options;

namespace DotNettyFraming.Tests.Harness;

/// <summary>Skips tests of what a transport cannot do.</summary>
internal static class Needs
{
    /// <summary>Half-close: DotNetty's socket transport closes at a FIN, and has none of its own.</summary>
    public static void HalfClose(TransportChoice transport)
    {
        if (transport == TransportChoice.Sockets)
        {
            Assert.Ignore("DotNetty's socket transport has no half-close");
        }
    }
}
