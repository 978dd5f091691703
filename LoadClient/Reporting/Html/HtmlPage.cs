using System.Text;
using System.Xml;
using System.Xml.Linq;
using DotNettyFraming.Hosting;

namespace DotNettyFraming.LoadClient.Reporting.Html;

/// <summary>A page that needs nothing but itself: no script, no font, no picture and no style from elsewhere.</summary>
/// <remarks>
/// It is written as HTML that is well-formed XML too, so that the writer escapes all text, and a test can read it.
/// Its own policy forbids the browser to fetch anything; a page that asked for something would say so in the console.
/// </remarks>
internal static class HtmlPage
{
    private const string Policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

    /// <summary>Elements that HTML ends by themselves; all others need an end tag, be they empty.</summary>
    private static readonly HashSet<string> Void = ["br", "hr", "meta"];

    /// <summary>The page as UTF-8.</summary>
    /// <param name="title">What the browser's tab says.</param>
    /// <param name="body">What is in it; text of any kind is escaped here.</param>
    public static byte[] ToUtf8(string title, IEnumerable<XElement> body)
    {
        var head = new XElement(
            "head",
            Meta(new XAttribute("charset", "utf-8")),
            Meta(new XAttribute("http-equiv", "Content-Security-Policy"), new XAttribute("content", Policy)),
            Meta(new XAttribute("name", "viewport"), new XAttribute("content", "width=device-width, initial-scale=1")),
            Meta(new XAttribute("name", "color-scheme"), new XAttribute("content", "light dark")),
            new XElement("title", title));
        var html = new XElement("html", new XAttribute("lang", "en"), head, new XElement("body", new XElement("main", body)));
        Clean(html);
        head.Add(new XElement("style", HtmlStyle.Sheet)); // ours, and with line breaks that are to stay
        return Write(html);
    }

    private static XElement Meta(params XAttribute[] attributes) => new("meta", attributes.ToArray<object>());

    private static void Clean(XElement html)
    {
        foreach (XElement element in html.DescendantsAndSelf())
        {
            foreach (XAttribute attribute in element.Attributes())
            {
                attribute.Value = Printable(attribute.Value);
            }

            foreach (XText text in element.Nodes().OfType<XText>())
            {
                text.Value = Printable(text.Value);
            }

            if (element.IsEmpty && !Void.Contains(element.Name.LocalName))
            {
                element.Value = "";
            }
        }
    }

    /// <summary>A host's name may hold anything; control characters and halves of a surrogate pair have no place in a page.</summary>
    private static string Printable(string text)
    {
        var printable = new StringBuilder(text.Length);
        foreach (Rune rune in ControlCharacters.Escape(text).EnumerateRunes())
        {
            printable.Append(rune.IsBmp && !XmlConvert.IsXmlChar((char)rune.Value) ? Rune.ReplacementChar : rune);
        }

        return printable.ToString();
    }

    private static byte[] Write(XElement html)
    {
        using var page = new MemoryStream();
        page.Write("<!DOCTYPE html>\n"u8);
        using (var writer = XmlWriter.Create(page, new XmlWriterSettings
        {
            OmitXmlDeclaration = true,
            Encoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false),
        }))
        {
            html.Save(writer);
        }

        page.WriteByte((byte)'\n');
        return page.ToArray();
    }
}
