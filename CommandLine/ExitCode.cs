namespace DotNettyFraming.CommandLine;

/// <summary>The exit codes that every program here gives alike.</summary>
/// <remarks>A program's own further ones stand beside its options.</remarks>
public static class ExitCode
{
    /// <summary>The program did what it was asked to; help and version included.</summary>
    public const int Success = 0;

    /// <summary>What was asked is understood but impossible: a file that cannot be read, a port in use.</summary>
    public const int CannotRun = 1;

    /// <summary>What was asked is not understood: an option unknown, missing its value, unparseable, out of range or in conflict.</summary>
    public const int Usage = 2;

    /// <summary>A second signal ended the program: 128 + SIGINT, as shells report it.</summary>
    public const int Killed = 130;
}
