namespace DotNettyFraming.Server.Profiling;

/// <summary>The runtime gives no diagnostics: they were switched off, or its socket is not there; or it ended them.</summary>
internal sealed class NoDiagnosticsException(Exception cause) : Exception($"the runtime gives no diagnostics: {cause.Message}", cause);
