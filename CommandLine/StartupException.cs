namespace DotNettyFraming.CommandLine;

/// <summary>What was asked is understood but impossible. Its message is the one line that the user is to see.</summary>
/// <remarks>
/// Thrown on the way up only, and caught in <c>Program</c> alone, which writes <see cref="Exception.Message"/> to standard error and
/// returns <see cref="ExitCode.CannotRun"/>. The inner exception is for the debugger; it is not shown.
/// </remarks>
public sealed class StartupException : Exception
{
    /// <summary>Describes why the program cannot run.</summary>
    /// <param name="message">What is impossible and why, naming the option or file. Control characters in it are escaped.</param>
    /// <param name="innerException">The operating system's word on it, if there was one.</param>
    public StartupException(string message, Exception? innerException = null)
        : base(ControlCharacters.Escape(message), innerException)
    {
    }
}
