namespace DotNettyFraming.Benchmarks.Comparison;

/// <summary>A server that is measured: a program to start, which keeps the contract of <see cref="Peers.PeerProgram"/>.</summary>
/// <param name="Name">How options and tables name it.</param>
/// <param name="Title">What it is, in a few words.</param>
/// <param name="Role">What its figures are taken for.</param>
/// <param name="FileName">The executable.</param>
/// <param name="Arguments">Its command line.</param>
internal sealed record Contestant(string Name, string Title, ContestantRole Role, string FileName, IReadOnlyList<string> Arguments);

/// <summary>What a contestant's figures are taken for.</summary>
internal enum ContestantRole
{
    /// <summary>Our server, on one of its transports: what the bars are set for.</summary>
    Ours,

    /// <summary>What all others are divided by.</summary>
    Floor,

    /// <summary>A server that ours has to beat.</summary>
    Rival,
}
