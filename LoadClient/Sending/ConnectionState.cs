namespace DotNettyFraming.LoadClient.Sending;

/// <summary>Where a connection is on its way; <see cref="SendingHandler"/> moves it on, never back.</summary>
internal enum ConnectionState
{
    /// <summary>Not yet connected.</summary>
    Connecting,

    /// <summary>Connected, and not told to send.</summary>
    Waiting,

    /// <summary>Sending its share.</summary>
    Sending,

    /// <summary>Has sent its share, and stays open.</summary>
    Idle,

    /// <summary>Told to finish, while a write is on its way.</summary>
    Flushing,

    /// <summary>Has sent its FIN and waits for the server's.</summary>
    ShutDown,

    /// <summary>Closed and counted.</summary>
    Ended,
}
