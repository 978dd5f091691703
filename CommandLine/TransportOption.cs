namespace DotNettyFraming.CommandLine;

/// <summary>What carries the connections, as <c>--transport</c> says it.</summary>
public enum TransportChoice
{
    /// <summary>The best that runs here: <see cref="Epoll"/> on Linux, <see cref="Sockets"/> elsewhere.</summary>
    Auto,

    /// <summary>The native transport, Linux only.</summary>
    Epoll,

    /// <summary>DotNetty's own transport on .NET's sockets, which runs everywhere.</summary>
    Sockets,
}

/// <summary><c>--transport</c>, which means the same to every program.</summary>
public static class TransportOption
{
    /// <summary>Declares it.</summary>
    /// <param name="set">The program's options.</param>
    /// <returns>The declaration.</returns>
    public static OptionDeclaration<TransportChoice> Declare(OptionSet set)
    {
        ArgumentNullException.ThrowIfNull(set);
        return set.Choice(
            "--transport",
            TransportChoice.Auto,
            "What carries the connections: auto is epoll on Linux, and DotNetty's sockets elsewhere.");
    }

    /// <summary>Whether a choice comes to epoll here.</summary>
    /// <param name="choice">What was asked for.</param>
    /// <param name="epollIsSupported">Whether it runs here.</param>
    /// <returns>False where it comes to DotNetty's sockets.</returns>
    /// <exception cref="StartupException">Epoll was asked for by name, and does not run here.</exception>
    public static bool UsesEpoll(this TransportChoice choice, bool epollIsSupported) => choice switch
    {
        TransportChoice.Auto => epollIsSupported,
        TransportChoice.Epoll when !epollIsSupported => throw new StartupException("--transport epoll: needs Linux on x86-64 or arm64"),
        _ => choice == TransportChoice.Epoll,
    };
}
