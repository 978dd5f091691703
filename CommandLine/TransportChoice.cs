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

/// <summary>Declares <c>--transport</c>, which means the same to every program.</summary>
public static class TransportOption
{
    /// <summary>Adds the option to a program's set.</summary>
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
}
