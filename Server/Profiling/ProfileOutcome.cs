namespace DotNettyFraming.Server.Profiling;

/// <summary>How a request for a profile ended.</summary>
internal enum ProfileOutcome
{
    /// <summary>There is a profile.</summary>
    Written,

    /// <summary>Somebody else's is being made; one at a time.</summary>
    Busy,

    /// <summary>The runtime gives no diagnostics: they were switched off (<c>DOTNET_EnableDiagnostics=0</c>), or its socket cannot be made.</summary>
    Unavailable,

    /// <summary>The heap has more objects than its description has room for: a profile would be wrong, so there is none.</summary>
    Incomplete,
}
