namespace DotNettyFraming.Server.Pipeline;

/// <summary>A part of a packet that a connection holds. Ordered by how long it has been held, the longest first.</summary>
/// <param name="Connection">The connection.</param>
/// <param name="Since">A timestamp.</param>
/// <param name="Bytes">As allocated.</param>
internal readonly record struct HeldPart(Connection Connection, long Since, int Bytes) : IComparable<HeldPart>
{
    /// <inheritdoc/>
    /// <remarks>What no sweep has seen yet has the time of now; the connection's number tells the older one then.</remarks>
    public int CompareTo(HeldPart other) =>
        Since != other.Since ? Since.CompareTo(other.Since) : Connection.Source.ConnectionId.CompareTo(other.Connection.Source.ConnectionId);
}
