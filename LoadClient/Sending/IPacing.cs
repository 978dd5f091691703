namespace DotNettyFraming.LoadClient.Sending;

/// <summary>Gives the connections of one event loop their turns: says which of them writes when.</summary>
/// <remarks>Used on its event loop only.</remarks>
internal interface IPacing
{
    /// <summary>A connection begins to send its share.</summary>
    void Started(SendingHandler connection);

    /// <summary>A connection on which a write was stuck can go on.</summary>
    void Ready(SendingHandler connection);

    /// <summary>Nothing that is due at this timestamp or later is to be written any more; what was due before still is.</summary>
    void EndAt(long timestamp);

    /// <summary>Writes of a connection that were due and have not been begun.</summary>
    long Owed(SendingHandler connection);

    /// <summary>A connection has ended: what it owed will never be written.</summary>
    /// <returns>How many writes that are.</returns>
    long Ended(SendingHandler connection);
}
