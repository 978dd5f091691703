namespace DotNettyFraming.LoadClient.Abuse;

/// <summary>What a hostile peer can do next.</summary>
internal enum HostileAction
{
    /// <summary>Write bytes; the next step follows when the kernel has taken them.</summary>
    Send,

    /// <summary>Wait for the peer's moment of the second, then take the next step.</summary>
    Pause,

    /// <summary>Do nothing any more: it is the server's turn to end the connection.</summary>
    Hold,

    /// <summary>Close, with a FIN.</summary>
    Close,

    /// <summary>Close, with an RST.</summary>
    Reset,
}

/// <summary>One step of a <see cref="HostileScript"/>.</summary>
/// <param name="Action">What to do.</param>
/// <param name="Offset">For <see cref="HostileAction.Send"/>: where the bytes begin on the script's tape.</param>
/// <param name="Length">For <see cref="HostileAction.Send"/>: how many they are.</param>
internal readonly record struct HostileStep(HostileAction Action, int Offset = 0, int Length = 0)
{
    /// <summary>Waits for the peer's moment of the second.</summary>
    public static readonly HostileStep Pause = new(HostileAction.Pause);

    /// <summary>The last step of a peer that waits for the server.</summary>
    public static readonly HostileStep Hold = new(HostileAction.Hold);

    /// <summary>The last step of a peer that goes.</summary>
    public static readonly HostileStep Close = new(HostileAction.Close);

    /// <summary>The last step of a peer that breaks off.</summary>
    public static readonly HostileStep Reset = new(HostileAction.Reset);

    /// <summary>Writes a stretch of the tape.</summary>
    public static HostileStep Send(int offset, int length) => new(HostileAction.Send, offset, length);
}
