namespace DotNettyFraming.LoadClient;

/// <summary>The phases of a run, for the progress display.</summary>
internal enum LoadPhase
{
    /// <summary>Making connections; with <c>--ramp-up</c> the ones made are sending.</summary>
    Connecting,

    /// <summary>All connections are made, and send.</summary>
    Sending,

    /// <summary>Flushing and closing.</summary>
    Finishing,
}
