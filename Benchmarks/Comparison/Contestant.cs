namespace DotNettyFraming.Benchmarks.Comparison;

/// <summary>A measured server: a program that keeps the contract of <see cref="Peers.PeerProgram"/>.</summary>
/// <param name="Name">The name in options and tables.</param>
/// <param name="Title">A description of a few words.</param>
/// <param name="Role">The use of its figures.</param>
/// <param name="FileName">The executable.</param>
/// <param name="Arguments">Its command line.</param>
internal sealed record Contestant(string Name, string Title, ContestantRole Role, string FileName, IReadOnlyList<string> Arguments);

/// <summary>The use of a contestant's figures.</summary>
internal enum ContestantRole
{
    /// <summary>Our server on one of its transports.</summary>
    Ours,

    /// <summary>The divisor of all others.</summary>
    Floor,

    /// <summary>A server that ours must beat.</summary>
    Rival,
}
