using DotNettyFraming.Hosting;

namespace DotNettyFraming.Tests.Hosting;

[TestFixture]
internal sealed class ForgivingConsoleTests
{
    [Test]
    public void Text_arrives_immediately_and_unchanged()
    {
        using var stream = new MemoryStream();

        ForgivingConsole.WriterOn(() => stream).Write("é…\n");

        Assert.That(stream.ToArray(), Is.EqualTo("é…\n"u8.ToArray()));
    }

    [TestCase(typeof(IOException))]
    [TestCase(typeof(UnauthorizedAccessException))]
    [TestCase(typeof(ObjectDisposedException))]
    public void Stream_that_cannot_be_opened_takes_everything(Type failure)
    {
        TextWriter writer = ForgivingConsole.WriterOn(() => throw Make(failure));

        Assert.That(() => writer.WriteLine("unheard"), Throws.Nothing);
    }

    [TestCase(typeof(IOException))]
    [TestCase(typeof(UnauthorizedAccessException))]
    [TestCase(typeof(ObjectDisposedException))]
    public async Task What_a_stream_refuses_is_dropped_and_later_text_still_arrives(Type failure)
    {
        using var stream = new RefusingStream { Failure = Make(failure) };
        TextWriter writer = ForgivingConsole.WriterOn(() => stream);

        writer.WriteLine("unheard");
        await writer.WriteLineAsync("unheard");
        await writer.FlushAsync();
        stream.Failure = null;
        writer.Write("heard");

        Assert.That(stream.ToArray(), Is.EqualTo("heard"u8.ToArray()));
    }

    [Test]
    public void Fault_of_our_own_is_not_forgiven()
    {
        using var stream = new RefusingStream { Failure = new InvalidOperationException() };

        Assert.That(() => ForgivingConsole.WriterOn(() => stream).WriteLine("x"), Throws.InvalidOperationException);
    }

    private static Exception Make(Type failure) => (Exception)Activator.CreateInstance(failure, "test")!;

    private sealed class RefusingStream : MemoryStream
    {
        public Exception? Failure { get; set; }

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            if (Failure is not null)
            {
                throw Failure;
            }

            base.Write(buffer);
        }
    }
}
