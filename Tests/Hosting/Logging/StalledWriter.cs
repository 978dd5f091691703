using System.Text;

namespace DotNettyFraming.Tests.Hosting.Logging;

/// <summary>A terminal that somebody has paused: writing to it does not return until it is released.</summary>
internal sealed class StalledWriter : TextWriter
{
    // Bounded, so that a failing test ends.
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    private readonly ManualResetEventSlim _released = new();
    private int _lines;

    public override Encoding Encoding => Encoding.UTF8;

    public int Lines => Volatile.Read(ref _lines);

    public void Release() => _released.Set();

    // Every other way to write ends here.
    public override void Write(char value)
    {
        _released.Wait(Limit);
        if (value == '\n')
        {
            Interlocked.Increment(ref _lines);
        }
    }

    protected override void Dispose(bool disposing)
    {
        _released.Dispose();
        base.Dispose(disposing);
    }
}
