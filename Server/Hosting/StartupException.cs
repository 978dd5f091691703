namespace DotNettyFraming.Server.Hosting;

/// <summary>The server cannot start for a reason that the user can do something about; the message is one line that says which.</summary>
internal sealed class StartupException : Exception
{
    public StartupException(string message, Exception cause)
        : base(message, cause)
    {
    }
}
