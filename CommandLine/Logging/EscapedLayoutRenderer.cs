using NLog.LayoutRenderers;
using NLog.LayoutRenderers.Wrappers;

namespace DotNettyFraming.CommandLine.Logging;

/// <summary><c>${escaped:${message}}</c> in nlog.config: what is inside stays on its line (<see cref="ControlCharacters"/>).</summary>
[LayoutRenderer(Name)]
internal sealed class EscapedLayoutRenderer : WrapperLayoutRendererBase
{
    public const string Name = "escaped";

    protected override string Transform(string text) => ControlCharacters.Escape(text);
}
