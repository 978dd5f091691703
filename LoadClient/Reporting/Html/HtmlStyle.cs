namespace DotNettyFraming.LoadClient.Reporting.Html;

/// <summary>How the page looks: light or dark as the reader's system is, in columns where there is room.</summary>
/// <remarks>No <c>&gt;</c>, <c>&lt;</c> or <c>&amp;</c> in it: an XML writer would escape them, and HTML does not undo that in a
/// style.</remarks>
internal static class HtmlStyle
{
    /// <summary>The style sheet.</summary>
    public const string Sheet =
        """

        :root { --paper: #f6f7f9; --card: #ffffff; --ink: #1c2430; --soft: #566273; --line: #d9dee5; --bad: #a3341b; }
        @media (prefers-color-scheme: dark) {
          :root { --paper: #14181e; --card: #1d232b; --ink: #e4e8ee; --soft: #9aa7b8; --line: #333c48; --bad: #ff9d85; }
        }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
        main { max-width: 78rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
        h1 { margin: 0; font-size: 1.6rem; }
        h2 { margin: 0 0 .5rem; font-size: 1.05rem; }
        h1, p, footer { overflow-wrap: anywhere; }
        header p { margin: .25rem 0 0; }
        .note, footer { color: var(--soft); font-size: .85rem; }
        .bad { margin: 1rem 0 0; padding: .5rem .75rem; border-left: 4px solid var(--bad); background: var(--card); color: var(--bad); }
        .grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr)); gap: 1rem; margin: 1rem 0; }
        section, figure { min-width: 0; margin: 0; padding: 1rem; border: 1px solid var(--line); border-radius: 8px; }
        section, figure { background: var(--card); }
        .scroll { max-height: 26rem; overflow: auto; }
        table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
        th, td { padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
        th { color: var(--soft); font-weight: 400; }
        tr:last-child th, tr:last-child td { border-bottom: 0; }
        thead th { position: sticky; top: 0; border-bottom: 1px solid var(--line); background: var(--card); font-size: .85rem; }
        .figures th + th, .figures td { text-align: right; white-space: nowrap; }
        .figures th + th:last-child, .figures td:last-child { padding-right: .25rem; }
        figure h2, figure ul, figure .note { margin: 0 0 .25rem; }
        figure ul { padding: 0; list-style: none; font-size: .85rem; color: var(--soft); }
        .key { display: inline-block; width: 1.1rem; height: .3rem; margin-right: .5rem; vertical-align: middle; border-radius: 2px; }
        svg { display: block; overflow: visible; width: 100%; height: auto; border-radius: 4px; background: #ffffff; }
        svg text { font: 12px system-ui, sans-serif; fill: #3f4a59; }
        @media (prefers-color-scheme: dark) {
          svg { margin: .4rem 0; outline: 3px solid #ffffff; }
          .key { outline: 2px solid #ffffff; }
        }
        @media (max-width: 34rem) { svg text { font-size: 16px; } svg text.between { display: none; } }
        details { margin-top: .5rem; }
        summary { cursor: pointer; color: var(--soft); font-size: .85rem; }
        @media print { .scroll { max-height: none; overflow: visible; } section, figure { break-inside: avoid; } }

        """;
}
