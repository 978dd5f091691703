namespace DotNettyFraming.Hosting;

/// <summary>A valid request that is impossible. The message is the one line that the user sees.</summary>
/// <remarks>
/// Thrown during the start, and caught in <c>Program</c> alone, which writes the message to standard error and returns
/// <see cref="ExitCode.CannotRun"/>. The inner exception is for the debugger.
/// </remarks>
/// <param name="message">The problem and its cause, naming the option or file. Control characters in it are escaped.</param>
/// <param name="innerException">The operating system's, if there was one.</param>
internal sealed class StartupException(string message, Exception? innerException = null)
    : Exception(ControlCharacters.Escape(message), innerException);

/// <summary>The exit codes that all programs share; a program's further ones stand next to its options.</summary>
internal static class ExitCode
{
    /// <summary>Done, or stopped as requested; help and version included.</summary>
    public const int Success = 0;

    /// <summary>Valid but impossible: a file that cannot be read, a port in use.</summary>
    public const int CannotRun = 1;

    /// <summary>An option is unknown, missing its value, unparseable, out of range or in conflict.</summary>
    public const int Usage = 2;

    /// <summary>Ended by a second signal: 128 + SIGINT, as shells report it.</summary>
    public const int Killed = 130;
}
