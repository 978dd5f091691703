namespace DotNettyFraming.Hosting;

/// <summary>A valid request that is impossible. The message, one line that names the option or file, is all that the user sees.</summary>
/// <remarks>
/// Thrown during the start. The program alone catches it, writes the message to standard error and returns
/// <see cref="ExitCode.CannotRun"/>. The inner exception is for the debugger.
/// </remarks>
/// <param name="message">The problem and its cause; control characters are escaped.</param>
/// <param name="innerException">The operating system's exception, if there was one.</param>
public sealed class StartupException(string message, Exception? innerException = null)
    : Exception(ControlCharacters.Escape(message), innerException);

/// <summary>The exit codes that all programs share.</summary>
internal static class ExitCode
{
    public const int Success = 0; // also after help, version, and a requested stop
    public const int CannotRun = 1; // valid but impossible: a file that cannot be read, a port in use
    public const int Usage = 2; // an option is unknown, missing its value, unparseable, out of range or in conflict
    public const int Killed = 130; // by a second signal: 128 + SIGINT, as shells report it
}
